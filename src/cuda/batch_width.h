// How many trajectories advance together.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace echo::cuda {

// What a trajectory of 640 frames with three lanes, a long text and a long voice needs beside the
// weights: activations, caches of keys and values, and a piece that is being decoded.
inline constexpr size_t kTrajectoryBytes = size_t{640} << 20;
// One trajectory's three lanes nearly fill a large device already.
inline constexpr int64_t kMostTrajectories = 8;

inline int64_t batch_width_for(size_t free_bytes) {
  return std::clamp<int64_t>(static_cast<int64_t>(free_bytes / kTrajectoryBytes), 1,
                             kMostTrajectories);
}

}  // namespace echo::cuda
