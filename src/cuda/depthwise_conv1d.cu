#include "cuda/elementwise.cuh"
#include "cuda/kernels.h"

namespace echo::cuda {
namespace {

// Neighbouring blocks read the same rows: the caches keep them for all taps.
__global__ void depthwise_conv1d_kernel(Rows<const float> x, Rows<const float> w, const float* bias,
                                        bool bias_whole, Rows<float> out) {
  const GroupPlace at = group_place(out.rows, out.cols);
  if (at.count == 0) return;
  float sums[kGroup] = {};
  if (bias) load(bias + at.column, at.count, bias_whole, sums);
  for (int tap = 0; tap < static_cast<int>(w.rows); ++tap) {
    float values[kGroup], factors[kGroup];
    load(x.row(at.row + tap) + at.column, at.count, x.whole, values);
    load(w.row(tap) + at.column, at.count, w.whole, factors);
#pragma unroll
    for (int i = 0; i < kGroup; ++i) sums[i] += factors[i] * values[i];
  }
  store(out.row(at.row) + at.column, at.count, out.whole, sums);
}

}  // namespace

void depthwise_conv1d(const View& x, const View& w, const float* bias, const View& out,
                      cudaStream_t stream) {
  const bool whole = reinterpret_cast<uintptr_t>(bias) % 16 == 0;
  launch(depthwise_conv1d_kernel, elementwise_shape(out.rows, out.cols), stream,
         rows_as<const float>(x), rows_as<const float>(w), bias, whole, rows_as<float>(out));
}

}  // namespace echo::cuda
