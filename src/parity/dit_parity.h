// Comparisons of the diffusion transformer and its encoders.
#pragma once

#include "models/echo_dit.h"
#include "parity/report.h"

namespace echo::parity {

// The encoders' states, keys and values, and the timestep's tables ("tiny").
void check_conditioning(const GoldenSet& set, const EchoDit& dit, Report& report);
// Whole forward passes, every recorded stage of them ("tiny").
void check_forward(const GoldenSet& set, const EchoDit& dit, Report& report);
// The same of a model of the real widths ("real-slice"). `bfloat16`: compare as a bfloat16 run.
void check_real_slice_forward(const GoldenSet& set, const EchoDit& dit, bool bfloat16,
                              Report& report);
// Single forward passes of the checkpoint in BF16 ("tiny-bf16").
void check_bf16_forward(const GoldenSet& set, const EchoDit& dit, bool bfloat16, Report& report);

// A recorded (1, T, 80) tensor in the backend, as (T, 80).
Tensor latent_of(const GoldenSet& set, std::string_view name, Backend& backend);
// The number of leading true values of a recorded (1, T) mask.
int64_t valid_frames(const GoldenSet& set, std::string_view name);

}  // namespace echo::parity
