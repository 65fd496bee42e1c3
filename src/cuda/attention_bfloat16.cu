// Attention on tensor cores: a block computes 64 queries of one head, 16 in each warp. Keys and
// values pass through shared memory 64 or 32 at a time, the next ones on their way while these are
// computed; scores and sums stay in registers (softmax as the maximum grows: FlashAttention).
#include "cuda/attention.h"
#include "cuda/attention_tiles.cuh"
#include "cuda/elements.cuh"
#include "cuda/launch.h"
#include "cuda/ptx.cuh"

namespace echo::cuda {
namespace {

constexpr int kWarps = 4;
constexpr int kThreads = 32 * kWarps;
constexpr int kQueries = 16 * kWarps;
// Blocks on a multiprocessor. Where shared memory has room for three, registers have too.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900 && __CUDA_ARCH__ < 1200
constexpr int kBlocks = 3;
#else
[[maybe_unused]] constexpr int kBlocks = 2;
#endif
constexpr float kLog2E = 1.44269504088896340736f;

using Element = __nv_bfloat16;

// kWidth: the head's width rounded up to what a multiplication takes; what is beyond is zero.
// kKeys: that pass at a time.
template <int kWidth, int kKeys>
struct Shared {
  static_assert(kQueries <= 2 * kKeys, "queries come through the keys' memory");
  // 16 bytes more than the row: the rows of a fragment lie on different banks.
  static constexpr int kStride = kWidth + 8;
  Element k[2][kKeys * kStride];
  Element v[2][kKeys * kStride];
};

// Where `rows` rows of a head begin, `stride` apart; `whole`: in 16 aligned bytes at a time.
struct HeadRows {
  const Element* data;
  int64_t stride;
  int rows, width;
  bool whole;
};

// Begins to copy kRows rows, kStride apart; those and the columns that do not exist become zero.
template <int kWidth, int kRows, int kStride>
__device__ void begin_copy(const HeadRows& from, Element* to) {
  constexpr int kChunks = kWidth / 8;
  for (int i = static_cast<int>(threadIdx.x); i < kRows * kChunks; i += kThreads) {
    const int row = i / kChunks, column = i % kChunks * 8;
    Element* target = to + row * kStride + column;
    if (from.whole) {
      const bool valid = row < from.rows && column < from.width;
      cp_async_16(target, valid ? from.data + row * from.stride + column : from.data, valid);
    } else {
      for (int c = 0; c < 8; ++c) {
        const bool valid = row < from.rows && column + c < from.width;
        target[c] = valid ? from.data[row * from.stride + column + c] : from_float<Element>(0.0f);
      }
    }
  }
}

template <int kWidth, int kKeys>
__global__ void __launch_bounds__(kThreads, kBlocks)
    attention_kernel(AttentionCall call, AttentionTable table, bool whole) {
  constexpr int kStride = Shared<kWidth, kKeys>::kStride;
  constexpr int kKeyTiles = kKeys / 8;  // columns of a warp's score tiles
  constexpr int kDepth = kWidth / 16;   // multiplications along a query
  auto& shared = *shared_memory<Shared<kWidth, kKeys>>();

  const QueryTile tile = query_tile(table, static_cast<int>(blockIdx.x), kQueries);
  const AttentionSequence& sequence = table.sequences[tile.sequence];
  const int width = static_cast<int>(call.q.cols) / call.heads;
  const int64_t column = int64_t{blockIdx.y} * width;
  const int warp = static_cast<int>(threadIdx.x) / 32, thread = static_cast<int>(threadIdx.x) % 32;
  const int matrix = thread / 8, matrix_row = thread % 8;  // whose address this thread gives
  const int first_row = sequence.first_row + tile.begin;

  // Queries come through the keys' memory into registers.
  uint32_t q[kDepth][4];
  {
    const auto* data = static_cast<const Element*>(call.q.data) + first_row * call.q.stride;
    begin_copy<kWidth, kQueries, kStride>({data + column, call.q.stride, tile.rows, width, whole},
                                          shared.k[0]);
    cp_async_commit();
    cp_async_wait<0>();
    __syncthreads();
    const int row = warp * 16 + matrix % 2 * 8 + matrix_row;
#pragma unroll
    for (int d = 0; d < kDepth; ++d) {
      ldmatrix_x4(q[d], shared.k[0] + row * kStride + d * 16 + matrix / 2 * 8);
    }
    __syncthreads();
  }

  const auto begin_tile = [&](const KeyTiles& keys, int stage) {
    const AttentionPart& part = table.parts[keys.part()];
    const auto* k = static_cast<const Element*>(part.k) + keys.begin() * part.k_stride + column;
    const auto* v = static_cast<const Element*>(part.v) + keys.begin() * part.v_stride + column;
    begin_copy<kWidth, kKeys, kStride>({k, part.k_stride, keys.rows(), width, whole},
                                       shared.k[stage]);
    begin_copy<kWidth, kKeys, kStride>({v, part.v_stride, keys.rows(), width, whole},
                                       shared.v[stage]);
    cp_async_commit();
  };

  // Of the two rows of this thread: `thread / 4` and 8 below.
  float most[2] = {-INFINITY, -INFINITY}, total[2] = {0, 0};
  float sums[kWidth / 8][4] = {};
  const float factor = kLog2E * rsqrtf(static_cast<float>(width));
  const int position = sequence.earlier + tile.begin + warp * 16 + thread / 4;

  KeyTiles keys(call, table, tile, kKeys);
  if (!keys.done()) begin_tile(keys, 0);
  for (int stage = 0; !keys.done(); stage ^= 1) {
    KeyTiles following = keys;
    following.next(table);
    if (following.done()) {
      cp_async_wait<0>();
    } else {
      begin_tile(following, stage ^ 1);
      cp_async_wait<1>();
    }
    __syncthreads();

    float scores[kKeyTiles][4] = {};
#pragma unroll
    for (int d = 0; d < kDepth; ++d) {
#pragma unroll
      for (int n = 0; n < kKeyTiles; n += 2) {
        uint32_t k[4];
        ldmatrix_x4(k, shared.k[stage] + (n * 8 + matrix / 2 * 8 + matrix_row) * kStride + d * 16 +
                           matrix % 2 * 8);
        mma_m16n8k16_bf16(scores[n], q[d], {k[0], k[1]});
        mma_m16n8k16_bf16(scores[n + 1], q[d], {k[2], k[3]});
      }
    }

    // Scores in powers of two, the invisible ones minus infinity.
    const float part_scale = table.parts[keys.part()].scale;
    const float score_factor = factor * part_scale;
    const bool all_visible = keys.rows() == kKeys && !(keys.own() && call.causal);
    float highest[2] = {most[0], most[1]};
#pragma unroll
    for (int n = 0; n < kKeyTiles; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        // Rounded before the maximum is taken away, so that what is equal gives zero.
        float score = __fmul_rn(scores[n][i], score_factor);
        if (!all_visible) {
          const int key = n * 8 + thread % 4 * 2 + i % 2;
          const bool visible = key < keys.rows() && (!keys.own() || sees(call, position + i / 2 * 8,
                                                                         keys.begin() + key));
          score = visible ? score : -INFINITY;
        }
        scores[n][i] = score;
        highest[i / 2] = fmaxf(highest[i / 2], score);
      }
    }
    float base[2];
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      highest[r] = fmaxf(highest[r], __shfl_xor_sync(0xffffffffu, highest[r], 1));
      highest[r] = fmaxf(highest[r], __shfl_xor_sync(0xffffffffu, highest[r], 2));
      base[r] = highest[r] == -INFINITY ? 0.0f : highest[r];
      const float shrink = exp2f(most[r] - base[r]);
      most[r] = highest[r];
      total[r] *= shrink;
#pragma unroll
      for (int n = 0; n < kWidth / 8; ++n) {
        sums[n][2 * r] *= shrink;
        sums[n][2 * r + 1] *= shrink;
      }
    }
#pragma unroll
    for (int n = 0; n < kKeyTiles; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float probability = exp2f(scores[n][i] - base[i / 2]);
        total[i / 2] += probability;
        scores[n][i] = probability * part_scale;
      }
    }

#pragma unroll
    for (int j = 0; j < kKeys / 16; ++j) {
      const uint32_t p[4] = {pair_of(scores[2 * j][0], scores[2 * j][1]),
                             pair_of(scores[2 * j][2], scores[2 * j][3]),
                             pair_of(scores[2 * j + 1][0], scores[2 * j + 1][1]),
                             pair_of(scores[2 * j + 1][2], scores[2 * j + 1][3])};
#pragma unroll
      for (int n = 0; n < kWidth / 8; n += 2) {
        uint32_t v[4];
        ldmatrix_x4_trans(v, shared.v[stage] + (j * 16 + matrix % 2 * 8 + matrix_row) * kStride +
                                 n * 8 + matrix / 2 * 8);
        mma_m16n8k16_bf16(sums[n], p, {v[0], v[1]});
        mma_m16n8k16_bf16(sums[n + 1], p, {v[2], v[3]});
      }
    }
    __syncthreads();  // before this stage is written again
    keys = following;
  }

  // Each warp's rows are complete in groups of four threads.
  const bool pairs = whole && width % 2 == 0;
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    total[r] += __shfl_xor_sync(0xffffffffu, total[r], 1);
    total[r] += __shfl_xor_sync(0xffffffffu, total[r], 2);
    const float inverse = total[r] == 0 ? 0.0f : 1.0f / total[r];
    const int row = warp * 16 + r * 8 + thread / 4;
    if (row >= tile.rows) continue;
    Element* out =
        static_cast<Element*>(call.out.data) + (first_row + row) * call.out.stride + column;
#pragma unroll
    for (int n = 0; n < kWidth / 8; ++n) {
      const int c = n * 8 + thread % 4 * 2;
      const float a = sums[n][2 * r] * inverse, b = sums[n][2 * r + 1] * inverse;
      if (pairs && c < width) {
        *reinterpret_cast<uint32_t*>(out + c) = pair_of(a, b);
      } else {
        if (c < width) out[c] = from_float<Element>(a);
        if (c + 1 < width) out[c + 1] = from_float<Element>(b);
      }
    }
  }
}

bool is_whole(const void* data, int64_t stride) {
  return reinterpret_cast<uintptr_t>(data) % 16 == 0 && stride % 8 == 0;
}

template <int kWidth, int kKeys>
void start(const AttentionCall& call, const AttentionTable& table, cudaStream_t stream) {
  bool whole = call.q.cols / call.heads % 8 == 0 && is_whole(call.q.data, call.q.stride) &&
               is_whole(call.out.data, call.out.stride);
  for (int i = 0; i < table.part_count; ++i) {
    const AttentionPart& part = table.parts[i];
    whole = whole && is_whole(part.k, part.k_stride) && is_whole(part.v, part.v_stride);
  }
  const LaunchShape shape{
      dim3(static_cast<unsigned>(query_tiles(table, kQueries)), static_cast<unsigned>(call.heads)),
      dim3(kThreads), sizeof(Shared<kWidth, kKeys>)};
  launch(attention_kernel<kWidth, kKeys>, shape, stream, call, table, whole);
}

}  // namespace

void attention_bfloat16(const AttentionCall& call, const AttentionTable& table,
                        cudaStream_t stream) {
  const int64_t width = call.q.cols / call.heads;
  if (width <= 32) return start<32, 64>(call, table, stream);
  if (width <= 64) return start<64, 64>(call, table, stream);
  // Two blocks on a multiprocessor hide each other's waiting, even where its memory is small.
  constexpr size_t kOfSystem = 1024;  // that a block takes beside its own
  if (call.multiprocessor_memory < 2 * (sizeof(Shared<128, 64>) + kOfSystem)) {
    return start<128, 32>(call, table, stream);
  }
  start<128, 64>(call, table, stream);
}

}  // namespace echo::cuda
