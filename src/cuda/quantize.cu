// Numbers of 8 bits.
#include <cuda_bf16.h>
#include <cuda_fp8.h>

#include <algorithm>

#include "cuda/launch.h"
#include "cuda/narrow_kernels.h"

namespace echo::cuda {
namespace {

constexpr int kThreads = 256;
constexpr float kLargestCode = 127.0f;
constexpr unsigned kAllLanes = 0xffffffffu;

__device__ inline float value_of(float x) { return x; }
__device__ inline float value_of(__nv_bfloat16 x) { return __bfloat162float(x); }

// The largest of a block's values, none of them negative; all threads get it.
__device__ inline float block_largest(float value) {
  __shared__ float of_warp[kThreads / 32];
  for (int offset = 16; offset > 0; offset /= 2) {
    value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, offset));
  }
  __syncthreads();
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = value;
  __syncthreads();
  float largest = 0;
  for (int i = 0; i < kThreads / 32; ++i) largest = fmaxf(largest, of_warp[i]);
  return largest;
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    quantize_int8_kernel(const T* weights, int64_t stride, int in, int8_t* codes,
                         int64_t code_stride, float* scales) {
  const T* const row = weights + blockIdx.x * stride;
  int8_t* const to = codes + blockIdx.x * code_stride;
  float mine = 0;
  for (int i = static_cast<int>(threadIdx.x); i < in; i += kThreads) {
    mine = fmaxf(mine, fabsf(value_of(row[i])));
  }
  const float largest = block_largest(mine);
  const float factor = largest > 0 ? kLargestCode / largest : 0.0f;
  for (int i = static_cast<int>(threadIdx.x); i < code_stride; i += kThreads) {
    const float code = i < in ? rintf(value_of(row[i]) * factor) : 0.0f;
    to[i] = static_cast<int8_t>(fminf(fmaxf(code, -kLargestCode), kLargestCode));
  }
  if (threadIdx.x == 0) scales[blockIdx.x] = largest / kLargestCode;
}

// A thread for four codes; strides are multiples of four.
__global__ void __launch_bounds__(kThreads)
    expand_int8_kernel(const int8_t* codes, int64_t code_stride, const float* scales,
                       __nv_bfloat16* to, int64_t to_stride) {
  const int64_t row = blockIdx.y;
  const int64_t i = (int64_t{blockIdx.x} * kThreads + threadIdx.x) * 4;
  if (i >= code_stride) return;
  const char4 four = *reinterpret_cast<const char4*>(codes + row * code_stride + i);
  const float scale = scales[row];
  const float values[4] = {static_cast<float>(four.x) * scale, static_cast<float>(four.y) * scale,
                           static_cast<float>(four.z) * scale, static_cast<float>(four.w) * scale};
  uint32_t pairs[2];
  for (int k = 0; k < 2; ++k) {
    pairs[k] = uint32_t{__bfloat16_as_ushort(__float2bfloat16_rn(values[2 * k]))} |
               uint32_t{__bfloat16_as_ushort(__float2bfloat16_rn(values[2 * k + 1]))} << 16;
  }
  *reinterpret_cast<uint2*>(to + row * to_stride + i) = make_uint2(pairs[0], pairs[1]);
}

__global__ void __launch_bounds__(kThreads)
    pad_columns_kernel(const __nv_bfloat16* x, int64_t x_stride, int cols, __nv_bfloat16* to,
                       int64_t to_stride, int to_cols) {
  const __nv_bfloat16* const from = x + blockIdx.x * x_stride;
  __nv_bfloat16* const row = to + blockIdx.x * to_stride;
  for (int i = static_cast<int>(threadIdx.x); i < to_cols; i += kThreads) {
    row[i] = i < cols ? from[i] : __float2bfloat16_rn(0.0f);
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    largest_kernel(const T* x, int64_t rows, int64_t stride, int cols, uint32_t* largest) {
  float mine = 0;
  for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
    const T* const row = x + r * stride;
    for (int i = static_cast<int>(threadIdx.x); i < cols; i += kThreads) {
      mine = fmaxf(mine, fabsf(value_of(row[i])));
    }
  }
  const float found = block_largest(mine);
  // Floats that are not negative have the order of their bits.
  if (threadIdx.x == 0) atomicMax(largest, __float_as_uint(found));
}

__global__ void scale_kernel(const uint32_t* largest, float* scale) {
  constexpr float kLargestFloat8 = 448.0f;
  const float value = __uint_as_float(*largest);
  // Zero, and what is too small or large for a power of two beside it, keep the scale 1.
  float power = 1.0f;
  if (value > 1e-30f && value < 1e30f) {
    int exponent = 0;
    const float fraction = frexpf(value / kLargestFloat8, &exponent);
    power = ldexpf(1.0f, fraction > 0.5f ? exponent : exponent - 1);
  }
  *scale = power;
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    quantize_float8_kernel(const T* x, int64_t rows, int64_t stride, int cols, const float* scale,
                           uint8_t* to, int64_t to_stride) {
  const float factor = 1.0f / *scale;
  const int64_t r = blockIdx.x;
  const T* const row = x + r * stride;
  uint8_t* const codes = to + r * to_stride;
  for (int i = static_cast<int>(threadIdx.x); i < to_stride; i += kThreads) {
    const float value = r < rows && i < cols ? value_of(row[i]) * factor : 0.0f;
    codes[i] = __nv_cvt_float_to_fp8(value, __NV_SATFINITE, __NV_E4M3);
  }
}

LaunchShape block_for_each(int64_t rows) {
  return {dim3(static_cast<unsigned>(rows)), dim3(kThreads)};
}

// f(a pointer to the elements).
template <class F>
void with_elements(const View& x, F f) {
  if (x.dtype == DType::kBFloat16) {
    f(static_cast<const __nv_bfloat16*>(x.data));
  } else {
    f(static_cast<const float*>(x.data));
  }
}

}  // namespace

void quantize_int8(const View& weights, const Int8Matrix& to, cudaStream_t stream) {
  with_elements(weights, [&]<class T>(const T* elements) {
    launch(quantize_int8_kernel<T>, block_for_each(weights.rows), stream, elements, weights.stride,
           static_cast<int>(weights.cols), to.codes, to.stride(), to.scales);
  });
}

void expand_int8(const Int8Matrix& from, const View& to, cudaStream_t stream) {
  constexpr int64_t kCodes = 4 * kThreads;  // of a block
  const LaunchShape shape{dim3(static_cast<unsigned>((from.stride() + kCodes - 1) / kCodes),
                               static_cast<unsigned>(from.out)),
                          dim3(kThreads)};
  launch(expand_int8_kernel, shape, stream, from.codes, from.stride(), from.scales,
         static_cast<__nv_bfloat16*>(to.data), to.stride);
}

bool is_whole(const View& x) {
  return reinterpret_cast<uintptr_t>(x.data) % 16 == 0 && x.stride % 8 == 0 && x.cols % 8 == 0;
}

void pad_columns(const View& x, const View& to, cudaStream_t stream) {
  launch(pad_columns_kernel, block_for_each(x.rows), stream,
         static_cast<const __nv_bfloat16*>(x.data), x.stride, static_cast<int>(x.cols),
         static_cast<__nv_bfloat16*>(to.data), to.stride, static_cast<int>(to.cols));
}

void float8_scale(std::span<const View> parts, uint32_t* largest, float* scale,
                  cudaStream_t stream) {
  constexpr int64_t kMostBlocks = 512;
  check(cudaMemsetAsync(largest, 0, sizeof *largest, stream), "clearing");
  for (const View& x : parts) {
    with_elements(x, [&]<class T>(const T* elements) {
      launch(largest_kernel<T>, block_for_each(std::min(x.rows, kMostBlocks)), stream, elements,
             x.rows, x.stride, static_cast<int>(x.cols), largest);
    });
  }
  launch(scale_kernel, LaunchShape{dim3(1), dim3(1)}, stream, largest, scale);
}

void quantize_float8(const View& x, const float* scale, uint8_t* to, int64_t to_rows,
                     int64_t to_stride, cudaStream_t stream) {
  with_elements(x, [&]<class T>(const T* elements) {
    launch(quantize_float8_kernel<T>, block_for_each(to_rows), stream, elements, x.rows, x.stride,
           static_cast<int>(x.cols), scale, to, to_stride);
  });
}

}  // namespace echo::cuda
