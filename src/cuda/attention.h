// The kernels of attention, by width of a head.
#pragma once

#include "cuda/kernels.h"

namespace echo::cuda {

inline constexpr int64_t kMaxTiledWidth = 128;
// bfloat16 on tensor cores.
void attention_bfloat16(const AttentionCall& call, const AttentionTable& table,
                        cudaStream_t stream);
// float32.
void attention_float32(const AttentionCall& call, const AttentionTable& table, cudaStream_t stream);
// Either type, any width that fits shared memory twice.
void attention_wide(const AttentionCall& call, const AttentionTable& table, cudaStream_t stream);

}  // namespace echo::cuda
