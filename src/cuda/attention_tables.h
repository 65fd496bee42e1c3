// Sequences and sections as the attention kernels take them.
#pragma once

#include <span>
#include <vector>

#include "cuda/kernels.h"

namespace echo::cuda {

// As many tables as are needed. A sequence with more parts than fit a table is kInternal.
std::vector<AttentionTable> attention_tables(const Tensor& q, const Tensor& k, const Tensor& v,
                                             const Sequences& sequences,
                                             std::span<const Sections> sections);

}  // namespace echo::cuda
