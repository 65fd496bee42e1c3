// The times of a trajectory, and which of them are guided.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/sampler_parameters.h"

namespace echo {

// num_steps + 1 times from 0.999 down to 0: linspace(1, 0, num_steps + 1) * 0.999 as torch (from
// 2.0) computes it in float32, bit for bit. num_steps must be at least 1.
std::vector<float> time_schedule(int64_t num_steps);

// Whether the guidances act in the step that starts at t. Times and limits are compared in float32,
// so a limit of 1 lies above every time.
bool is_guided(float t, const SamplerParameters& parameters);

// Whether the scale on the voice's keys and values ends with the step from t to t_next.
bool ends_speaker_scale(float t, float t_next, const SamplerParameters& parameters);

}  // namespace echo
