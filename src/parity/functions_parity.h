// Comparisons of the sampler's small functions.
#pragma once

#include "parity/report.h"
#include "tensor/backend.h"

namespace echo::parity {

// Time schedules, bit for bit ("tiny").
void check_schedules(const GoldenSet& set, Report& report);
// Where generated latents go flat ("tiny").
void check_flattening(const GoldenSet& set, Report& report);
// Temporal score rescaling ("tiny").
void check_rescaling(const GoldenSet& set, Backend& backend, Report& report);

}  // namespace echo::parity
