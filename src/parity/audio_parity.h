// Comparisons of the audio that comes in and goes out.
#pragma once

#include "parity/report.h"

namespace echo::parity {

// Reference recordings: decoding, mixing, resampling, peak ("tiny").
void check_load_audio(const GoldenSet& set, Report& report);
// Crossfades and pauses between chunks ("tiny").
void check_joining(const GoldenSet& set, Report& report);

}  // namespace echo::parity
