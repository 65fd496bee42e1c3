// One row in the registers of a block, for norms: a block for each row.
#pragma once

#include "cuda/elements.cuh"
#include "cuda/launch.h"

namespace echo::cuda {

constexpr int kMaxRowThreads = 256;
constexpr int kRowGroups = 2;  // of a thread in registers; longer rows are read again

// Threads for a row: enough for a group each, in whole warps.
inline int row_threads(int64_t cols) {
  const int threads = (groups_of(cols) + 31) / 32 * 32;
  return threads < kMaxRowThreads ? threads : kMaxRowThreads;
}
inline LaunchShape row_shape(int64_t rows, int64_t cols) {
  return {dim3(static_cast<unsigned>(rows)), dim3(static_cast<unsigned>(row_threads(cols)))};
}

template <class T>
class BlockRow {
 public:
  __device__ BlockRow(const Rows<const T>& x, int64_t row)
      : data_(x.row(row)), cols_(x.cols), whole_(x.whole) {
#pragma unroll
    for (int i = 0; i < kRowGroups; ++i) {
      const int c = column(i);
      if (c < cols_) load(data_ + c, count_at(cols_, c), whole_, values_[i]);
    }
  }

  // f(column, count, values) for this thread's groups.
  template <class F>
  __device__ void for_each(F f) const {
#pragma unroll
    for (int i = 0; i < kRowGroups; ++i) {
      const int c = column(i);
      if (c < cols_) f(c, count_at(cols_, c), values_[i]);
    }
    for (int i = kRowGroups; column(i) < cols_; ++i) {
      const int c = column(i);
      float values[kGroup];
      load(data_ + c, count_at(cols_, c), whole_, values);
      f(c, count_at(cols_, c), values);
    }
  }

  // The sum of f(value) over the row.
  template <class F>
  __device__ float sum(F f) const {
    float total = 0;
    for_each([&](int, int count, const float(&x)[kGroup]) {
#pragma unroll
      for (int i = 0; i < kGroup; ++i) total += i < count ? f(x[i]) : 0.0f;
    });
    return block_sum(total);
  }

 private:
  __device__ int column(int i) const {
    return (i * static_cast<int>(blockDim.x) + static_cast<int>(threadIdx.x)) * kGroup;
  }

  const T* data_;
  int cols_;
  bool whole_;
  float values_[kRowGroups][kGroup];
};

// 1 / sqrt(mean of squares + eps).
template <class T>
__device__ float inverse_rms(const BlockRow<T>& row, int cols, float eps) {
  const float squares = row.sum([](float x) { return x * x; });
  return 1.0f / sqrtf(squares / static_cast<float>(cols) + eps);
}

}  // namespace echo::cuda
