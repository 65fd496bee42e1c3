#include "engine/flattening.h"

#include <algorithm>
#include <cmath>

namespace echo {

int64_t flattening_point(std::span<const float> latents, int64_t channels,
                         const FlatteningOptions& options) {
  const auto frames = static_cast<int64_t>(latents.size()) / channels;
  const auto count = static_cast<double>(options.window_size * channels);
  for (int64_t first = 0; first < frames; ++first) {
    const int64_t rows = std::min(options.window_size, frames - first);
    const std::span<const float> window = latents.subspan(first * channels, rows * channels);
    double sum = 0;
    for (const double x : window) sum += x;
    const double mean = sum / count;
    if (!(std::abs(mean - options.target_value) < options.mean_threshold)) continue;
    double squares = (count - static_cast<double>(window.size())) * mean * mean;
    for (const double x : window) squares += (x - mean) * (x - mean);
    if (std::sqrt(squares / (count - 1)) < options.std_threshold) return first;
  }
  return frames;
}

int64_t certain_frames(std::span<const float> latents, int64_t channels,
                       const FlatteningOptions& options) {
  const auto frames = static_cast<int64_t>(latents.size()) / channels;
  const int64_t undecided = std::max(int64_t{0}, frames - options.window_size + 1);
  return std::min(flattening_point(latents, channels, options), undecided);
}

}  // namespace echo
