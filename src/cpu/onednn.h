// Matmuls and convolutions by oneDNN. The only file that knows its API; builds with
// versions 2 and 3. All functions throw Error kInternal when oneDNN refuses a call.
#pragma once

#include <memory>
#include <string>

#include "cpu/weight_arena.h"
#include "tensor/backend.h"

namespace echo::cpu {

// Copies `weights` into the blocked layout that oneDNN prefers, in the type `precision`; a matrix
// that has that layout already is used where it lies. The memory is the arena's.
std::shared_ptr<PackedWeights> pack_matrix(const HostWeights& weights, DType precision,
                                           WeightArena& arena);
std::shared_ptr<PackedWeights> pack_convolution(const HostWeights& weights, int64_t stride,
                                                int64_t dilation, DType precision,
                                                WeightArena& arena);

// As Backend::packed_layout and Backend::packed_bytes, of weights of pack_matrix.
std::string packed_layout(int64_t out, int64_t in, DType precision);
std::span<const std::byte> packed_bytes(const PackedWeights& weights);

// As Backend::linear and Backend::conv1d. Thread safe; parallel inside unless called from an
// OpenMP parallel region. linear() takes weights of pack_matrix, conv1d() of pack_convolution.
void linear(const Tensor& x, const PackedWeights& w, const Tensor& bias, bool accumulate,
            const Tensor& out);
void conv1d(const Tensor& x, const PackedWeights& w, const Tensor& bias, bool accumulate,
            const Tensor& out);

// What a call with these arguments runs, for tests and reports: oneDNN's name of the code ("ref..."
// is slow), and how many copies of the weights were packed for all calls so far.
struct PackedUse {
  std::string implementation;
  size_t copies = 0;
};
PackedUse packed_use(const Tensor& x, const PackedWeights& w, const Tensor& bias, bool accumulate,
                     const Tensor& out);

// Whether this machine multiplies bfloat16 faster than float32.
bool has_fast_bfloat16();

// The library's version and the instruction set it uses, for reports.
std::string onednn_description();

}  // namespace echo::cpu
