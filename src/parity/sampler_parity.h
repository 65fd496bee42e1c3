// Comparisons of whole trajectories.
#pragma once

#include "models/echo_dit.h"
#include "parity/comparison.h"

namespace echo::parity {

// Trajectories in one block, every recorded step of them, and in several blocks ("tiny"). What a
// seed's noise is, too.
void check_trajectories(const Comparison& run, const EchoDit& dit);
// One of each with a model of the real widths ("real-slice"); times are rounded in bfloat16.
void check_real_slice_trajectories(const Comparison& run, const EchoDit& dit);
// Those of a BF16 checkpoint ("tiny-bf16"). In float32 with exact times and with times rounded to
// bfloat16, in bfloat16 with the latter.
void check_bf16_trajectories(const Comparison& run, const EchoDit& dit);

}  // namespace echo::parity
