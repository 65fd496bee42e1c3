// Comparisons of the random numbers.
#pragma once

#include <string>
#include <vector>

#include "parity/report.h"

namespace echo::parity {

// Every recorded draw of the "randn" folder.
void check_draws(const GoldenSet& set, Report& report);

// The stored noise of a trajectory against what its seed gives, a tensor for each block.
void check_noise_of_seed(const GoldenSet& set, uint64_t seed,
                         const std::vector<std::string>& tensors, Report& report);

}  // namespace echo::parity
