// e4m3: the largest magnitudes first, then the codes; two launches, nothing to clear before them.
#include <cuda_fp8.h>

#include <algorithm>

#include "cuda/elements.cuh"
#include "cuda/launch.h"
#include "cuda/quantized_kernels.h"

namespace echo::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kMaxBlocks = 1024;
constexpr int kCodes = 16;  // of a thread at a time: a copy of 16 bytes

// A piece for each block.
template <class T>
__global__ void __launch_bounds__(kThreads)
    largest_kernel(Rows<const T> x, unsigned groups, float* pieces) {
  const unsigned of_row = static_cast<unsigned>(groups_of(x.cols));
  float mine = 0;
#pragma unroll 4
  for (unsigned i = blockIdx.x * kThreads + threadIdx.x; i < groups; i += gridDim.x * kThreads) {
    const unsigned row = i / of_row;
    const int column = static_cast<int>(i - row * of_row) * kGroup;
    float values[kGroup];
    load(x.row(row) + column, count_at(x.cols, column), x.whole, values);
#pragma unroll
    for (const float value : values) mine = fmaxf(mine, fabsf(value));
  }
  const float found = block_largest(mine);
  if (threadIdx.x == 0) pieces[blockIdx.x] = found;
}

// The power of two that brings the largest element into (224, 448].
__device__ inline float scale_of(float largest) {
  constexpr float kMaxFloat8 = 448.0f;
  // Zero, and what is too small or large for a power of two beside it, keep the scale 1.
  if (!(largest > 1e-30f && largest < 1e30f)) return 1.0f;
  int exponent = 0;
  const float fraction = frexpf(largest / kMaxFloat8, &exponent);
  return ldexpf(1.0f, fraction > 0.5f ? exponent : exponent - 1);
}

__device__ inline uint32_t four_codes(const float* values, float factor) {
  const auto pair = [&](int i) -> uint32_t {
    return __nv_cvt_float2_to_fp8x2(make_float2(values[i] * factor, values[i + 1] * factor),
                                    __NV_SATFINITE, __NV_E4M3);
  };
  return pair(0) | pair(2) << 16;
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    quantize_float8_kernel(Rows<const T> x, const float* pieces, int piece_count, float* scale,
                           uint8_t* to, unsigned groups_of_row, unsigned groups) {
  float mine = 0;
  for (int i = static_cast<int>(threadIdx.x); i < piece_count; i += kThreads) {
    mine = fmaxf(mine, pieces[i]);
  }
  const float found = scale_of(block_largest(mine));
  if (blockIdx.x == 0 && threadIdx.x == 0) *scale = found;
  const float factor = 1.0f / found;
  for (unsigned i = blockIdx.x * kThreads + threadIdx.x; i < groups; i += gridDim.x * kThreads) {
    const unsigned row = i / groups_of_row;
    const int column = static_cast<int>(i - row * groups_of_row) * kCodes;
    uint32_t words[kCodes / 4] = {};
#pragma unroll
    for (int half = 0; half < kCodes / kGroup; ++half) {
      const int c = column + half * kGroup;
      float values[kGroup];
      load(x.row(row) + c, row < x.rows ? count_at(x.cols, c) : 0, x.whole, values);
      words[2 * half] = four_codes(values, factor);
      words[2 * half + 1] = four_codes(values + 4, factor);
    }
    reinterpret_cast<uint4*>(to)[i] = make_uint4(words[0], words[1], words[2], words[3]);
  }
}

unsigned blocks_for(int64_t groups, int64_t most) {
  return static_cast<unsigned>(std::min((groups + kThreads - 1) / kThreads, most));
}

}  // namespace

int largest_magnitudes(const View& x, float* pieces, cudaStream_t stream) {
  const int64_t groups = x.rows * groups_of(x.cols);
  const unsigned blocks = blocks_for(groups, kMaxMagnitudes);
  with_float_type(x.dtype, [&](auto element) {
    using T = decltype(element);
    launch(largest_kernel<T>, LaunchShape{dim3(blocks), dim3(kThreads)}, stream,
           rows_as<const T>(x), static_cast<unsigned>(groups), pieces);
  });
  return static_cast<int>(blocks);
}

void quantize_float8(const View& x, const Magnitudes& magnitudes, const Float8Matrix& to,
                     cudaStream_t stream) {
  const int64_t groups_of_row = to.stride / kCodes, groups = to.rows * groups_of_row;
  with_float_type(x.dtype, [&](auto element) {
    using T = decltype(element);
    launch(quantize_float8_kernel<T>,
           LaunchShape{dim3(blocks_for(groups, kMaxBlocks)), dim3(kThreads)}, stream,
           rows_as<const T>(x), magnitudes.pieces, magnitudes.count, to.scale, to.codes,
           static_cast<unsigned>(groups_of_row), static_cast<unsigned>(groups));
  });
}

}  // namespace echo::cuda
