// Attention over a lane's own keys and its sections.
#pragma once

#include <span>

#include "cpu/kernels.h"
#include "tensor/backend.h"

namespace echo::cpu {

// As Backend::attention. Blocks of queries of one head are the unit of work: scores of a block stay
// in the cache, the products run in oneDNN, the softmax in `kernels`.
void attention(const Kernels& kernels, const Tensor& q, const Tensor& k, const Tensor& v,
               const AttentionShape& shape, const Lanes& lanes, std::span<const Sections> sections,
               const Tensor& out);

}  // namespace echo::cpu
