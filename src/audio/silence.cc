#include "audio/silence.h"

#include <algorithm>
#include <cmath>

namespace echo {

float find_peak(std::span<const float> samples) {
  float peak = 0;
  for (const float x : samples) peak = std::max(peak, std::fabs(x));
  return peak;
}

size_t count_trailing_silence(std::span<const float> samples, size_t look_back, float threshold) {
  const size_t most = std::min(look_back, samples.size());
  size_t count = 0;
  while (count < most && std::fabs(samples[samples.size() - 1 - count]) < threshold) ++count;
  return count;
}

size_t find_non_finite(std::span<const float> samples) {
  const auto found =
      std::find_if(samples.begin(), samples.end(), [](float x) { return !std::isfinite(x); });
  return static_cast<size_t>(found - samples.begin());
}

}  // namespace echo
