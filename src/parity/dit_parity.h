// Comparisons of single forward passes of the diffusion transformer.
#pragma once

#include "models/echo_dit.h"
#include "parity/comparison.h"

namespace echo::parity {

// Forward passes of three sequences, every recorded stage of them ("tiny").
void check_forward(const Comparison& run, const EchoDit& dit);

// Encoders and forward passes of a model of the real widths ("real-slice"). A bfloat16 run rounds
// the time, as the recorded one did; that is most of the recorded distance, so its limit is wide.
void check_real_slice(const Comparison& run, const EchoDit& dit);

// Encoders and forward passes of a BF16 checkpoint ("tiny-bf16"). In float32 with the recorded
// times and with times rounded to bfloat16, in bfloat16 with the latter.
void check_bf16_checkpoint(const Comparison& run, const EchoDit& dit);

}  // namespace echo::parity
