#include "engine/schedule.h"

#include <cmath>

#include "base/error.h"

namespace echo {

std::vector<float> time_schedule(int64_t num_steps) {
  if (num_steps < 1) throw_internal("time schedule of " + std::to_string(num_steps) + " steps");
  constexpr float kStart = 0.999f;
  const int64_t points = num_steps + 1;
  const float step = -1.0f / static_cast<float>(num_steps);
  std::vector<float> times(points);
  for (int64_t i = 0; i < points; ++i) {
    const float linear = i < points / 2 ? std::fma(step, static_cast<float>(i), 1.0f)
                                        : -(step * static_cast<float>(num_steps - i));
    times[i] = linear * kStart;
  }
  return times;
}

bool is_guided(float t, const SamplerParameters& parameters) {
  return static_cast<float>(parameters.cfg_min_t) <= t &&
         t <= static_cast<float>(parameters.cfg_max_t);
}

bool ends_speaker_scale(float t, float t_next, const SamplerParameters& parameters) {
  if (!parameters.speaker_kv_scale || !parameters.speaker_kv_min_t) return false;
  const auto limit = static_cast<float>(*parameters.speaker_kv_min_t);
  return t_next < limit && limit <= t;
}

}  // namespace echo
