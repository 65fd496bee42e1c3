// How kernels read and write rows: groups of eight neighbours, as one or two copies of 16 bytes
// where they are whole and aligned. Whatever the layout, the same thread gets the same elements, so
// that results do not depend on it.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/view.h"

namespace echo::cuda {

constexpr int kGroup = 8;

__host__ __device__ inline int groups_of(int64_t elements) {
  return static_cast<int>((elements + kGroup - 1) / kGroup);
}

__device__ inline float to_float(float value) { return value; }
__device__ inline float to_float(__nv_bfloat16 value) { return __bfloat162float(value); }
template <class T>
__device__ inline T from_float(float value);
template <>
__device__ inline float from_float<float>(float value) {
  return value;
}
template <>
__device__ inline __nv_bfloat16 from_float<__nv_bfloat16>(float value) {
  return __float2bfloat16_rn(value);
}

// A matrix as a kernel sees it. `whole`: every row begins at a multiple of 16 bytes.
template <class T>
struct Rows {
  T* data;
  int64_t rows, stride;
  int cols;
  bool whole;
  __device__ T* row(int64_t r) const { return data + r * stride; }
};
template <class T>
Rows<T> rows_as(const View& x) {
  const auto address = reinterpret_cast<uintptr_t>(x.data);
  return {static_cast<T*>(x.data), x.rows, x.stride, static_cast<int>(x.cols),
          address % 16 == 0 && x.stride * static_cast<int64_t>(sizeof(T)) % 16 == 0};
}

// Elements that exist, from column c on, of a group.
__device__ inline int count_at(int cols, int c) { return cols - c < kGroup ? cols - c : kGroup; }

// Missing elements are zero.
__device__ inline void load(const float* p, int count, bool whole, float (&x)[kGroup]) {
  if (whole && count == kGroup) {
    const float4 a = *reinterpret_cast<const float4*>(p);
    const float4 b = *reinterpret_cast<const float4*>(p + 4);
    x[0] = a.x, x[1] = a.y, x[2] = a.z, x[3] = a.w;
    x[4] = b.x, x[5] = b.y, x[6] = b.z, x[7] = b.w;
  } else {
#pragma unroll
    for (int i = 0; i < kGroup; ++i) x[i] = i < count ? p[i] : 0.0f;
  }
}
__device__ inline float low_half(uint32_t pair) { return __uint_as_float(pair << 16); }
__device__ inline float high_half(uint32_t pair) { return __uint_as_float(pair & 0xffff0000u); }
__device__ inline void load(const __nv_bfloat16* p, int count, bool whole, float (&x)[kGroup]) {
  if (whole && count == kGroup) {
    const uint4 a = *reinterpret_cast<const uint4*>(p);
    x[0] = low_half(a.x), x[1] = high_half(a.x), x[2] = low_half(a.y), x[3] = high_half(a.y);
    x[4] = low_half(a.z), x[5] = high_half(a.z), x[6] = low_half(a.w), x[7] = high_half(a.w);
  } else {
#pragma unroll
    for (int i = 0; i < kGroup; ++i) x[i] = i < count ? __bfloat162float(p[i]) : 0.0f;
  }
}

__device__ inline void store(float* p, int count, bool whole, const float (&x)[kGroup]) {
  if (whole && count == kGroup) {
    *reinterpret_cast<float4*>(p) = make_float4(x[0], x[1], x[2], x[3]);
    *reinterpret_cast<float4*>(p + 4) = make_float4(x[4], x[5], x[6], x[7]);
  } else {
#pragma unroll
    for (int i = 0; i < kGroup; ++i) {
      if (i < count) p[i] = x[i];
    }
  }
}
// Two neighbours as bfloat16, the first in the lower half.
__device__ inline uint32_t pair_of(float low, float high) {
  return uint32_t{__bfloat16_as_ushort(__float2bfloat16_rn(low))} |
         uint32_t{__bfloat16_as_ushort(__float2bfloat16_rn(high))} << 16;
}
__device__ inline void store(__nv_bfloat16* p, int count, bool whole, const float (&x)[kGroup]) {
  if (whole && count == kGroup) {
    *reinterpret_cast<uint4*>(p) = make_uint4(pair_of(x[0], x[1]), pair_of(x[2], x[3]),
                                              pair_of(x[4], x[5]), pair_of(x[6], x[7]));
  } else {
#pragma unroll
    for (int i = 0; i < kGroup; ++i) {
      if (i < count) p[i] = __float2bfloat16_rn(x[i]);
    }
  }
}

// The sequence that holds a row.
__device__ inline int sequence_of(const SequenceTable& sequences, int64_t row) {
  int low = 0, high = sequences.count;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    if (sequences.begin[middle] <= row) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

// Sums over a warp, and over a block of whole warps, at most 32; all threads get the result.
__device__ inline float warp_sum(float value) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) {
    value += __shfl_xor_sync(0xffffffffu, value, offset);
  }
  return value;
}
__device__ inline float block_sum(float value) {
  __shared__ float sums[33];
  const int warps = static_cast<int>(blockDim.x / 32);
  const int warp = static_cast<int>(threadIdx.x / 32), lane = static_cast<int>(threadIdx.x % 32);
  value = warp_sum(value);
  if (lane == 0) sums[warp] = value;
  __syncthreads();
  if (warp == 0) {
    const float total = warp_sum(lane < warps ? sums[lane] : 0.0f);
    if (lane == 0) sums[32] = total;
  }
  __syncthreads();
  return sums[32];
}

// The largest of a block's values, none of them negative; all threads get it.
__device__ inline float block_largest(float value) {
  __shared__ float of_warp[32];
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) {
    value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, offset));
  }
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = value;
  __syncthreads();
  float largest = 0;
  for (unsigned i = 0; i < blockDim.x / 32; ++i) largest = fmaxf(largest, of_warp[i]);
  __syncthreads();
  return largest;
}

// Calls f with a value of the element type that a float view has.
template <class F>
void with_float_type(DType dtype, F f) {
  if (dtype == DType::kBFloat16) {
    f(__nv_bfloat16{});
  } else {
    f(float{});
  }
}

}  // namespace echo::cuda
