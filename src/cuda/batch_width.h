// How many trajectories advance together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace echo::cuda {

// As many as fit the free memory, 1 at least.
int64_t batch_width_for(size_t free_bytes);

// The fewest trajectories, 1, 2, 4, ... up to `most`, at which rows are multiplied nearly as fast
// as at any number. seconds(rows) is the time of one of the model's matmuls with that many rows.
int64_t measured_batch_width(int64_t most, const std::function<double(int64_t rows)>& seconds);

}  // namespace echo::cuda
