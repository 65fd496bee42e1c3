// The two kernels of attention.
#pragma once

#include "cuda/kernels.h"

namespace echo::cuda {

// bfloat16 on tensor cores, heads of up to 128 elements.
inline constexpr int kMostTensorCoreWidth = 128;
void attention_bfloat16(const AttentionCall& call, const AttentionTable& table,
                        cudaStream_t stream);
// float32 arithmetic for either type, heads of up to 256 elements; slow.
inline constexpr int kMostPlainWidth = 256;
void attention_plain(const AttentionCall& call, const AttentionTable& table, cudaStream_t stream);

}  // namespace echo::cuda
