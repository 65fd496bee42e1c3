// Comparisons of what turns a text into tokens and chunks.
#pragma once

#include "parity/report.h"

namespace echo::parity {

// Normalisation, tokens, and chunks of text.json and chunk_text.json ("tiny").
void check_text(const GoldenSet& set, Report& report);

}  // namespace echo::parity
