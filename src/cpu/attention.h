// Attention over a sequence's own keys and its sections.
#pragma once

#include <span>

#include "cpu/kernels.h"
#include "tensor/backend.h"

namespace echo::cpu {

// As Backend::attention. A head of a sequence is the unit of work, and where these are few, some of
// its queries.
void attention(const Kernels& kernels, const Tensor& q, const Tensor& k, const Tensor& v,
               const AttentionShape& shape, const Sequences& sequences,
               std::span<const Sections> sections, const Tensor& out);

}  // namespace echo::cpu
