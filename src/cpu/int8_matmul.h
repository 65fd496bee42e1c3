// Matrices in 8 bits: a scale for each output, activations quantized row by row when they are
// used, sums in int32. This project's own code: oneDNN 2.6 has no fast matmul with scales of rows.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "cpu/int8_kernels.h"
#include "cpu/memory_pool.h"
#include "cpu/weight_arena.h"
#include "tensor/backend.h"

namespace echo::cpu {

// The layout of a packed matrix, as Backend::packed_layout; empty for outputs that do not fill
// whole tiles.
std::string int8_layout(int64_t out, int64_t in);

// One matrix of the parts' outputs, one part behind the other; the parts have the same inputs.
// Each output's largest weight becomes 127. The memory is the arena's; a part that has
// int8_layout() is used where it lies. Errors: kInternal for another layout.
std::shared_ptr<PackedWeights> pack_int8(std::span<const HostWeights> parts, WeightArena& arena);

// The stored form of a matrix of one part that has int8_layout().
std::span<const std::byte> int8_bytes(const PackedWeights& weights);

// Whether the weights are of pack_int8.
bool is_int8(const PackedWeights& weights);

// As Backend::linear, with weights of pack_int8, on as many threads; the quantized x lies in memory
// of the pool meanwhile. x and out: float32 or bfloat16. Every element is the same whatever the
// number of threads, and the kernels.
void linear_int8(const Int8Kernels& kernels, const Tensor& x, const PackedWeights& w,
                 const Tensor& bias, bool accumulate, const Tensor& out, int threads,
                 MemoryPool& pool);

}  // namespace echo::cpu
