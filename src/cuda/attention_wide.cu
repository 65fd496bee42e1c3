// Attention for heads of any width, which no model here has: a block computes one query of one
// head, a thread a key at a time and then some columns. Slow.
#include "cuda/attention.h"
#include "cuda/attention_tiles.cuh"
#include "cuda/elements.cuh"
#include "cuda/launch.h"
#include "cuda/ptx.cuh"

namespace echo::cuda {
namespace {

constexpr int kThreads = 128;  // and keys at a time

// The largest over a block; all threads get it. NaN is left out.
__device__ float block_max(float value, float* scratch) {
  __syncthreads();
  scratch[threadIdx.x] = value;
  __syncthreads();
  float most = scratch[0];
  for (int i = 1; i < kThreads; ++i) most = fmaxf(most, scratch[i]);
  return most;
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    attention_wide_kernel(AttentionCall call, AttentionTable table) {
  const QueryTile tile = query_tile(table, static_cast<int>(blockIdx.x), 1);
  const AttentionSequence& sequence = table.sequences[tile.sequence];
  const int width = static_cast<int>(call.q.cols) / call.heads;
  const int64_t column = int64_t{blockIdx.y} * width;
  const int64_t row = sequence.first_row + tile.begin;
  const int thread = static_cast<int>(threadIdx.x);
  float* sums = shared_memory<float>();  // of each column
  float* q = sums + width;
  float* probabilities = q + width;  // of kThreads keys
  float* scratch = probabilities + kThreads;

  const T* query = static_cast<const T*>(call.q.data) + row * call.q.stride + column;
  for (int c = thread; c < width; c += kThreads) {
    q[c] = to_float(query[c]);
    sums[c] = 0;
  }
  const float factor = 1.0f / sqrtf(static_cast<float>(width));
  float most = -INFINITY, total = 0;  // the total of this thread's keys
  for (KeyTiles keys(call, table, tile, kThreads); !keys.done(); keys.next(table)) {
    const AttentionPart& part = table.parts[keys.part()];
    __syncthreads();  // q is there, and the last tile's probabilities have been read
    float score = -INFINITY;
    if (thread < keys.rows()) {
      const T* k = static_cast<const T*>(part.k) + (keys.begin() + thread) * part.k_stride + column;
      float dot = 0;
      for (int c = 0; c < width; ++c) dot += q[c] * to_float(k[c]);
      // Rounded before the maximum is taken away, so that what is equal gives zero.
      score = __fmul_rn(dot, factor * part.scale);
    }
    const float highest = fmaxf(most, block_max(score, scratch));
    const float base = highest == -INFINITY ? 0.0f : highest;
    const float shrink = expf(most - base);
    most = highest;
    const float probability = expf(score - base);
    total = total * shrink + probability;
    probabilities[thread] = probability * part.scale;
    __syncthreads();
    for (int c = thread; c < width; c += kThreads) {
      float sum = sums[c] * shrink;
      for (int key = 0; key < keys.rows(); ++key) {
        const T* v = static_cast<const T*>(part.v) + (keys.begin() + key) * part.v_stride + column;
        sum += probabilities[key] * to_float(v[c]);
      }
      sums[c] = sum;
    }
  }
  total = block_sum(total);
  const float inverse = total == 0 ? 0.0f : 1.0f / total;
  T* out = static_cast<T*>(call.out.data) + row * call.out.stride + column;
  for (int c = thread; c < width; c += kThreads) out[c] = from_float<T>(sums[c] * inverse);
}

}  // namespace

void attention_wide(const AttentionCall& call, const AttentionTable& table, cudaStream_t stream) {
  const int64_t width = call.q.cols / call.heads;
  const LaunchShape shape{
      dim3(static_cast<unsigned>(query_tiles(table, 1)), static_cast<unsigned>(call.heads)),
      dim3(kThreads), static_cast<size_t>(2 * width + 2 * kThreads) * sizeof(float)};
  with_float_type(call.q.dtype, [&](auto element) {
    launch(attention_wide_kernel<decltype(element)>, shape, stream, call, table);
  });
}

}  // namespace echo::cuda
