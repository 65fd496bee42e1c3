// Comparisons of whole requests: text and a recording in, speech out.
#pragma once

#include "engine/device.h"
#include "models/codec.h"
#include "parity/report.h"

namespace echo::parity {

// Requests through an Engine of its own: single generations, and jobs of the published handler with
// chunks and joining ("tiny"). `codec` decodes latents that are given instead of sampled.
void check_pipeline(const GoldenSet& set, const DeviceOptions& device, const Codec& codec,
                    Report& report);

}  // namespace echo::parity
