// Comparisons of the latents of reference recordings.
#pragma once

#include "models/codec.h"
#include "parity/report.h"

namespace echo::parity {

// Recordings in chunks, cut and padded in every recorded way ("tiny").
void check_speaker_latents(const GoldenSet& set, const Codec& codec, Report& report);

}  // namespace echo::parity
