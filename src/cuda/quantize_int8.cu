// Signed bytes: weights made into them, and back.
#include <algorithm>

#include "cuda/elements.cuh"
#include "cuda/launch.h"
#include "cuda/quantized_kernels.h"

namespace echo::cuda {
namespace {

constexpr int kThreads = 256;
constexpr float kMaxCode = 127.0f;
constexpr int kCodes = 16;  // of a thread at a time: a copy of 16 bytes

// A row of weights for each block.
template <class T>
__global__ void __launch_bounds__(kThreads)
    quantize_int8_kernel(Rows<const T> weights, int8_t* codes, int code_stride, float* scales) {
  const T* const row = weights.row(blockIdx.x);
  int8_t* const to = codes + int64_t{blockIdx.x} * code_stride;
  const int first = static_cast<int>(threadIdx.x);
  float values[kGroup];
  float mine = 0;
  for (int c = first * kGroup; c < weights.cols; c += kThreads * kGroup) {
    load(row + c, count_at(weights.cols, c), weights.whole, values);
#pragma unroll
    for (const float value : values) mine = fmaxf(mine, fabsf(value));
  }
  const float largest = block_largest(mine);
  const float factor = largest > 0 ? kMaxCode / largest : 0.0f;
  for (int c = first * kCodes; c < code_stride; c += kThreads * kCodes) {
    uint32_t words[kCodes / 4] = {};
#pragma unroll
    for (int half = 0; half < kCodes / kGroup; ++half) {
      const int column = c + half * kGroup;
      load(row + column, count_at(weights.cols, column), weights.whole, values);
#pragma unroll
      for (int i = 0; i < kGroup; ++i) {
        const float code = fminf(fmaxf(rintf(values[i] * factor), -kMaxCode), kMaxCode);
        words[half * 2 + i / 4] |= (static_cast<uint32_t>(static_cast<int>(code)) & 0xffu)
                                   << (i % 4 * 8);
      }
    }
    *reinterpret_cast<uint4*>(to + c) = make_uint4(words[0], words[1], words[2], words[3]);
  }
  if (threadIdx.x == 0) scales[blockIdx.x] = largest / kMaxCode;
}

// 8 codes become 16 bytes: what a warp reads and what it writes are both one piece.
__global__ void __launch_bounds__(kThreads)
    expand_int8_kernel(const int8_t* codes, unsigned groups_of_row, unsigned groups,
                       const float* scales, __nv_bfloat16* to) {
  const unsigned group = blockIdx.x * kThreads + threadIdx.x;
  if (group >= groups) return;
  const uint2 loaded = reinterpret_cast<const uint2*>(codes)[group];
  const uint32_t words[2] = {loaded.x, loaded.y};
  const float scale = scales[group / groups_of_row];
  float values[kGroup];
#pragma unroll
  for (int i = 0; i < kGroup; ++i) {
    values[i] = static_cast<float>(static_cast<int8_t>(words[i / 4] >> (i % 4 * 8))) * scale;
  }
  store(to + int64_t{group} * kGroup, kGroup, true, values);
}

__global__ void __launch_bounds__(kThreads)
    pad_columns_kernel(Rows<const __nv_bfloat16> x, Rows<__nv_bfloat16> to) {
  const unsigned of_row = static_cast<unsigned>(to.cols / kGroup);
  const unsigned group = blockIdx.x * kThreads + threadIdx.x;
  const unsigned row = group / of_row;
  if (row >= to.rows) return;
  const int column = static_cast<int>(group - row * of_row) * kGroup;
  float values[kGroup];
  load(x.row(row) + column, count_at(x.cols, column), x.whole, values);
  store(to.row(row) + column, kGroup, to.whole, values);
}

LaunchShape thread_for_each(int64_t groups) {
  return {dim3(static_cast<unsigned>((groups + kThreads - 1) / kThreads)), dim3(kThreads)};
}

}  // namespace

void quantize_int8(const View& weights, const Int8Matrix& to, cudaStream_t stream) {
  with_float_type(weights.dtype, [&](auto element) {
    using T = decltype(element);
    launch(quantize_int8_kernel<T>,
           LaunchShape{dim3(static_cast<unsigned>(weights.rows)), dim3(kThreads)}, stream,
           rows_as<const T>(weights), to.codes, static_cast<int>(to.stride()), to.scales);
  });
}

void expand_int8(const Int8Matrix& from, const View& to, cudaStream_t stream) {
  const int64_t groups_of_row = from.stride() / kGroup, groups = from.out * groups_of_row;
  launch(expand_int8_kernel, thread_for_each(groups), stream, from.codes,
         static_cast<unsigned>(groups_of_row), static_cast<unsigned>(groups), from.scales,
         static_cast<__nv_bfloat16*>(to.data));
}

bool is_whole(const View& x) {
  return reinterpret_cast<uintptr_t>(x.data) % 16 == 0 && x.stride % 8 == 0 && x.cols % 8 == 0;
}

void pad_columns(const View& x, const View& to, cudaStream_t stream) {
  launch(pad_columns_kernel, thread_for_each(to.rows * (to.cols / kGroup)), stream,
         rows_as<const __nv_bfloat16>(x), rows_as<__nv_bfloat16>(to));
}

}  // namespace echo::cuda
