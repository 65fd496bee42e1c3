// Matrices in 8 bits: a scale for each output, activations quantized row by row when they are
// used, sums in int32. This project's own code: oneDNN 2.6 has no fast product with scales of rows.
#pragma once

#include <memory>
#include <span>

#include "cpu/int8_kernels.h"
#include "cpu/memory_pool.h"
#include "cpu/weight_arena.h"
#include "tensor/backend.h"

namespace echo::cpu {

// One matrix of the parts' outputs, one part behind the other; the parts have the same inputs.
// Each output's largest weight becomes 127. The memory is the arena's.
std::shared_ptr<PackedWeights> pack_int8(std::span<const HostWeights> parts, WeightArena& arena);

// Whether the weights are of pack_int8.
bool is_int8(const PackedWeights& weights);

// As Backend::linear, with weights of pack_int8, on as many threads; the quantized x lies in memory
// of the pool meanwhile. x and out: float32 or bfloat16. Every element is the same whatever the
// number of threads, and the kernels.
void linear_int8(const Int8Kernels& kernels, const Tensor& x, const PackedWeights& w,
                 const Tensor& bias, bool accumulate, const Tensor& out, int threads,
                 MemoryPool& pool);

}  // namespace echo::cpu
