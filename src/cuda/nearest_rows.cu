#include <cmath>

#include "cuda/elements.cuh"
#include "cuda/kernels.h"
#include "cuda/launch.h"

namespace echo::cuda {
namespace {

constexpr int kThreads = 256;

struct Candidate {
  float product;
  int id;
};
// The larger product, of equal ones the lower id: the result does not depend on the order of
// comparisons.
__device__ inline Candidate better(Candidate a, Candidate b) {
  return b.product > a.product || (b.product == a.product && b.id < a.id) ? b : a;
}

// A block for each row. Sums run over the columns in order, as on the CPU.
__global__ void __launch_bounds__(kThreads)
    nearest_rows_kernel(Rows<const float> x, Rows<const float> table, Rows<int32_t> ids) {
  __shared__ Candidate of_warps[kThreads / 32];
  const float* const query = x.row(blockIdx.x);
  const int thread = static_cast<int>(threadIdx.x), candidates = static_cast<int>(table.rows);
  // A row of NaN exceeds nothing: the first candidate is the answer.
  Candidate best{-INFINITY, thread};
  for (int id = thread; id < candidates; id += kThreads) {
    const float* const row = table.row(id);
    float product = 0;
    for (int c = 0; c < x.cols; ++c) product = fmaf(query[c], row[c], product);
    if (product > best.product) best = {product, id};
  }
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) {
    const Candidate other{__shfl_xor_sync(0xffffffffu, best.product, offset),
                          __shfl_xor_sync(0xffffffffu, best.id, offset)};
    best = better(best, other);
  }
  if (thread % 32 == 0) of_warps[thread / 32] = best;
  __syncthreads();
  if (thread != 0) return;
  for (int warp = 1; warp < kThreads / 32; ++warp) best = better(best, of_warps[warp]);
  ids.row(blockIdx.x)[0] = best.id;
}

}  // namespace

void nearest_rows(const View& x, const View& table, const View& ids, cudaStream_t stream) {
  launch(nearest_rows_kernel, {dim3(static_cast<unsigned>(x.rows)), dim3(kThreads)}, stream,
         rows_as<const float>(x), rows_as<const float>(table), rows_as<int32_t>(ids));
}

}  // namespace echo::cuda
