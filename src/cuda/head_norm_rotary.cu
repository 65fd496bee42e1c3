// RMS norm of each head, then the rotary embedding of the first heads, in place: a warp for each
// head of a row.
#include "cuda/elements.cuh"
#include "cuda/kernels.h"
#include "cuda/launch.h"

namespace echo::cuda {
namespace {

constexpr int kWarps = 4;

// A thread holds a pair of neighbours, then the pair 64 elements further: heads of up to 128
// elements stay in registers, wider ones are read again.
constexpr int kPairs = 2;

// Neighbours that lie in one word.
__device__ inline float2 load_pair(const float* p, bool whole, bool second) {
  if (whole) return *reinterpret_cast<const float2*>(p);
  return make_float2(p[0], second ? p[1] : 0.0f);
}
__device__ inline float2 load_pair(const __nv_bfloat16* p, bool whole, bool second) {
  if (whole) {
    const uint32_t pair = *reinterpret_cast<const uint32_t*>(p);
    return make_float2(low_half(pair), high_half(pair));
  }
  return make_float2(to_float(p[0]), second ? to_float(p[1]) : 0.0f);
}
__device__ inline void store_pair(float* p, bool whole, bool second, float2 x) {
  if (whole) {
    *reinterpret_cast<float2*>(p) = x;
    return;
  }
  p[0] = x.x;
  if (second) p[1] = x.y;
}
__device__ inline void store_pair(__nv_bfloat16* p, bool whole, bool second, float2 x) {
  if (whole) {
    *reinterpret_cast<uint32_t*>(p) = pair_of(x.x, x.y);
    return;
  }
  p[0] = from_float<__nv_bfloat16>(x.x);
  if (second) p[1] = from_float<__nv_bfloat16>(x.y);
}

template <class T>
__global__ void head_norm_rotary_kernel(Rows<T> x, HeadNormRotary norm, SequenceTable sequences) {
  const int width = x.cols / norm.heads;
  const unsigned index = blockIdx.x * kWarps + threadIdx.x / 32;
  const unsigned heads = static_cast<unsigned>(norm.heads);
  const int64_t row = index / heads;
  if (row >= x.rows) return;  // the whole warp
  const int head = static_cast<int>(index % heads);
  const int thread = static_cast<int>(threadIdx.x % 32);
  T* data = x.row(row) + head * width;
  const bool whole = x.whole && width % 2 == 0;

  float2 values[kPairs];
  float squares = 0;
#pragma unroll
  for (int i = 0; i < kPairs; ++i) {
    const int c = 2 * (thread + 32 * i);
    values[i] = make_float2(0.0f, 0.0f);
    if (c < width) values[i] = load_pair(data + c, whole, c + 1 < width);
    squares += values[i].x * values[i].x + values[i].y * values[i].y;
  }
  for (int c = 2 * (thread + 32 * kPairs); c < width; c += 64) {
    const float2 pair = load_pair(data + c, whole, c + 1 < width);
    squares += pair.x * pair.x + pair.y * pair.y;
  }
  float inverse = 1;
  if (norm.weight) {
    inverse = 1.0f / sqrtf(warp_sum(squares) / static_cast<float>(width) + norm.eps);
  }
  const float* rotary = nullptr;
  if (head < norm.rotated_heads) {
    const int sequence = sequence_of(sequences, row);
    const int64_t position = sequences.first_position[sequence] +
                             (row - sequences.begin[sequence]) * int64_t{norm.position_step};
    rotary = norm.rotary + position * width;
  }
  const auto finish = [&](int c, float2 pair) {
    const bool second = c + 1 < width;
    if (norm.weight) {
      const float* weight = norm.weight + head * width + c;
      pair.x = pair.x * inverse * weight[0];
      if (second) pair.y = pair.y * inverse * weight[1];
    }
    if (rotary) {
      const float cosine = rotary[c], sine = rotary[c + 1];
      pair = make_float2(pair.x * cosine - pair.y * sine, pair.x * sine + pair.y * cosine);
    }
    store_pair(data + c, whole, second, pair);
  };
#pragma unroll
  for (int i = 0; i < kPairs; ++i) {
    const int c = 2 * (thread + 32 * i);
    if (c < width) finish(c, values[i]);
  }
  for (int c = 2 * (thread + 32 * kPairs); c < width; c += 64) {
    finish(c, load_pair(data + c, whole, c + 1 < width));
  }
}

}  // namespace

void head_norm_rotary(const View& x, const HeadNormRotary& norm, const SequenceTable& sequences,
                      cudaStream_t stream) {
  const int64_t units = x.rows * norm.heads;
  const LaunchShape shape{dim3(static_cast<unsigned>((units + kWarps - 1) / kWarps)),
                          dim3(kWarps * 32)};
  with_float_type(x.dtype, [&](auto element) {
    using T = decltype(element);
    launch(head_norm_rotary_kernel<T>, shape, stream, rows_as<T>(x), norm, sequences);
  });
}

}  // namespace echo::cuda
