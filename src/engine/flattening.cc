#include "engine/flattening.h"

#include <algorithm>
#include <cmath>

namespace echo {
namespace {

struct Spread {
  double mean = 0;
  double squares = 0;  // summed squared distances of the values from the mean
};

// Of `values` and as many zeros as are missing to `count`.
Spread spread_of(std::span<const float> values, double count) {
  double sum = 0;
  for (const double x : values) sum += x;
  Spread spread{sum / count, 0};
  spread.squares = (count - static_cast<double>(values.size())) * spread.mean * spread.mean;
  for (const double x : values) spread.squares += (x - spread.mean) * (x - spread.mean);
  return spread;
}

bool is_flat(std::span<const float> window, const FlatteningOptions& options, double count) {
  const Spread spread = spread_of(window, count);
  return std::abs(spread.mean - options.target_value) < options.mean_threshold &&
         std::sqrt(spread.squares / (count - 1)) < options.std_threshold;
}

}  // namespace

int64_t flattening_point(std::span<const float> latents, int64_t channels,
                         const FlatteningOptions& options) {
  const auto frames = static_cast<int64_t>(latents.size()) / channels;
  const auto count = static_cast<double>(options.window_size * channels);
  for (int64_t first = 0; first < frames; ++first) {
    const int64_t rows = std::min(options.window_size, frames - first);
    if (is_flat(latents.subspan(first * channels, rows * channels), options, count)) return first;
  }
  return frames;
}

CertainFrames certain_frames(std::span<const float> latents, int64_t channels,
                             const FlatteningOptions& options) {
  // What is summed in another order may round otherwise: values this near the limit are open.
  constexpr double kMargin = 1e-6;
  const auto frames = static_cast<int64_t>(latents.size()) / channels;
  const auto count = static_cast<double>(options.window_size * channels);
  const double limit = options.std_threshold * options.std_threshold * (count - 1) * (1 + kMargin);
  for (int64_t first = 0; first < frames; ++first) {
    const std::span<const float> known = latents.subspan(first * channels);
    if (frames - first >= options.window_size) {
      if (is_flat(known.first(options.window_size * channels), options, count)) {
        return {first, true};
      }
    } else if (!(spread_of(known, static_cast<double>(known.size())).squares >= limit)) {
      return {first, false};
    }
  }
  return {frames, false};
}

}  // namespace echo
