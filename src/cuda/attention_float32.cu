// Attention in float32 without tensor cores, for comparisons: a block computes 32 queries of one
// head, four threads each.
#include "cuda/attention.h"
#include "cuda/attention_tiles.cuh"
#include "cuda/launch.h"
#include "cuda/ptx.cuh"

namespace echo::cuda {
namespace {

constexpr int kQueries = 32;
constexpr int kThreadsPerQuery = 4;
constexpr int kThreads = kQueries * kThreadsPerQuery;
constexpr int kKeys = 32;
constexpr int kKeysPerThread = kKeys / kThreadsPerQuery;

template <int kWidth>
struct Shared {
  static constexpr int kStride = kWidth + 1;  // columns of neighbouring rows on different banks
  float q[kQueries * kStride];
  float k[kKeys * kStride];
  float v[kKeys * kStride];
  float probabilities[kQueries * (kKeys + 1)];
};

// kMax rows to shared memory; those that do not exist become zero.
template <int kWidth, int kMax>
__device__ void copy_rows(const float* from, int64_t stride, int rows, int width, float* to) {
  for (int i = static_cast<int>(threadIdx.x); i < kMax * width; i += kThreads) {
    const int row = i / width, column = i - row * width;
    to[row * Shared<kWidth>::kStride + column] = row < rows ? from[row * stride + column] : 0.0f;
  }
}

template <int kWidth>
__global__ void __launch_bounds__(kThreads)
    attention_float32_kernel(AttentionCall call, AttentionTable table) {
  constexpr int kStride = Shared<kWidth>::kStride;
  auto& shared = *shared_memory<Shared<kWidth>>();
  const QueryTile tile = query_tile(table, static_cast<int>(blockIdx.x), kQueries);
  const AttentionSequence& sequence = table.sequences[tile.sequence];
  const int width = static_cast<int>(call.q.cols) / call.heads;
  const int64_t column = int64_t{blockIdx.y} * width;
  const int query = static_cast<int>(threadIdx.x) / kThreadsPerQuery;
  const int part_of_query = static_cast<int>(threadIdx.x) % kThreadsPerQuery;
  const int first_row = sequence.first_row + tile.begin;
  const float* q = shared.q + query * kStride;
  float* probabilities = shared.probabilities + query * (kKeys + 1);

  copy_rows<kWidth, kQueries>(
      static_cast<const float*>(call.q.data) + first_row * call.q.stride + column, call.q.stride,
      tile.rows, width, shared.q);
  const float factor = 1.0f / sqrtf(static_cast<float>(width));
  const int position = sequence.earlier + tile.begin + query;
  float most = -INFINITY, total = 0;
  float sums[kWidth / kThreadsPerQuery] = {};  // columns part_of_query, + 4, + 8, ...

  for (KeyTiles keys(call, table, tile, kKeys); !keys.done(); keys.next(table)) {
    const AttentionPart& part = table.parts[keys.part()];
    __syncthreads();  // the last tile has been read
    copy_rows<kWidth, kKeys>(
        static_cast<const float*>(part.k) + keys.begin() * part.k_stride + column, part.k_stride,
        keys.rows(), width, shared.k);
    copy_rows<kWidth, kKeys>(
        static_cast<const float*>(part.v) + keys.begin() * part.v_stride + column, part.v_stride,
        keys.rows(), width, shared.v);
    __syncthreads();

    float scores[kKeysPerThread] = {};  // of keys part_of_query, + 4, ...
    for (int c = 0; c < width; ++c) {
      const float value = q[c];
#pragma unroll
      for (int j = 0; j < kKeysPerThread; ++j) {
        scores[j] += value * shared.k[(j * kThreadsPerQuery + part_of_query) * kStride + c];
      }
    }
    float highest = most;
#pragma unroll
    for (int j = 0; j < kKeysPerThread; ++j) {
      const int key = j * kThreadsPerQuery + part_of_query;
      const bool visible =
          key < keys.rows() && (!keys.own() || sees(call, position, keys.begin() + key));
      // Rounded before the maximum is taken away, so that what is equal gives zero.
      scores[j] = visible ? __fmul_rn(scores[j], factor * part.scale) : -INFINITY;
      highest = fmaxf(highest, scores[j]);
    }
    highest = fmaxf(highest, __shfl_xor_sync(0xffffffffu, highest, 1));
    highest = fmaxf(highest, __shfl_xor_sync(0xffffffffu, highest, 2));
    const float base = highest == -INFINITY ? 0.0f : highest;
    const float shrink = expf(most - base);
    most = highest;
    total *= shrink;
#pragma unroll
    for (int j = 0; j < kKeysPerThread; ++j) {
      const float probability = expf(scores[j] - base);
      total += probability;
      probabilities[j * kThreadsPerQuery + part_of_query] = probability * part.scale;
    }
    __syncwarp();
#pragma unroll
    for (int i = 0; i < kWidth / kThreadsPerQuery; ++i) sums[i] *= shrink;
    for (int key = 0; key < kKeys; ++key) {
      const float probability = probabilities[key];
#pragma unroll
      for (int i = 0; i < kWidth / kThreadsPerQuery; ++i) {
        const int c = i * kThreadsPerQuery + part_of_query;
        if (c < width) sums[i] += probability * shared.v[key * kStride + c];
      }
    }
  }

  total += __shfl_xor_sync(0xffffffffu, total, 1);
  total += __shfl_xor_sync(0xffffffffu, total, 2);
  if (query >= tile.rows) return;
  const float inverse = total == 0 ? 0.0f : 1.0f / total;
  float* out = static_cast<float*>(call.out.data) + (first_row + query) * call.out.stride + column;
#pragma unroll
  for (int i = 0; i < kWidth / kThreadsPerQuery; ++i) {
    const int c = i * kThreadsPerQuery + part_of_query;
    if (c < width) out[c] = sums[i] * inverse;
  }
}

template <int kWidth>
void start(const AttentionCall& call, const AttentionTable& table, cudaStream_t stream) {
  const LaunchShape shape{
      dim3(static_cast<unsigned>(query_tiles(table, kQueries)), static_cast<unsigned>(call.heads)),
      dim3(kThreads), sizeof(Shared<kWidth>)};
  launch(attention_float32_kernel<kWidth>, shape, stream, call, table);
}

}  // namespace

void attention_float32(const AttentionCall& call, const AttentionTable& table,
                       cudaStream_t stream) {
  if (call.q.cols / call.heads <= 64) return start<64>(call, table, stream);
  start<128>(call, table, stream);
}

void attention(const AttentionCall& call, const AttentionTable& table, cudaStream_t stream) {
  if (call.q.cols / call.heads > kMaxTiledWidth) return attention_wide(call, table, stream);
  if (call.q.dtype == DType::kBFloat16) return attention_bfloat16(call, table, stream);
  attention_float32(call, table, stream);
}

}  // namespace echo::cuda
