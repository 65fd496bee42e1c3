#include "cuda/batch_width.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace echo::cuda {
namespace {

// What a trajectory of 640 frames with three sequences, a long text and a long voice needs beside
// the weights: activations, caches of keys and values, and a piece that is being decoded.
constexpr size_t kTrajectoryBytes = size_t{640} << 20;
// Longer batches keep newcomers waiting.
constexpr int64_t kMaxTrajectories = 8;
// A trajectory's rows while it is not guided; guided ones have three times as many.
constexpr int64_t kRows = 640;
// Of the fastest rate: what is left is not worth the waiting.
constexpr double kNearly = 0.95;

}  // namespace

int64_t batch_width_for(size_t free_bytes) {
  return std::clamp<int64_t>(static_cast<int64_t>(free_bytes / kTrajectoryBytes), 1,
                             kMaxTrajectories);
}

int64_t measured_batch_width(int64_t most, const std::function<double(int64_t rows)>& seconds) {
  std::vector<std::pair<int64_t, double>> rates;  // trajectories, rows a second
  double best = 0;
  for (int64_t width = 1; width <= most; width *= 2) {
    const double time = seconds(width * kRows);
    rates.emplace_back(width, static_cast<double>(width * kRows) / std::max(time, 1e-9));
    best = std::max(best, rates.back().second);
  }
  for (const auto& [width, rate] : rates) {
    if (rate >= kNearly * best) return width;
  }
  return 1;
}

}  // namespace echo::cuda
