// Attention over a lane's own keys and its sections.
#pragma once

#include <span>

#include "cpu/kernels.h"
#include "tensor/backend.h"

namespace echo::cpu {

// As Backend::attention. A head of a lane is the unit of work, and where these are few, some of its
// queries.
void attention(const Kernels& kernels, const Tensor& q, const Tensor& k, const Tensor& v,
               const AttentionShape& shape, const Lanes& lanes, std::span<const Sections> sections,
               const Tensor& out);

}  // namespace echo::cpu
