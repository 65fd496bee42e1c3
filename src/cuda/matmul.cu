// out = x w^T in float32 arithmetic without tensor cores, for shapes and alignments that cuBLASLt
// has no algorithm for: a block computes 64 x 64 results, a thread 4 x 4.
#include "cuda/elements.cuh"
#include "cuda/kernels.h"
#include "cuda/launch.h"

namespace echo::cuda {
namespace {

constexpr int kTile = 64;
constexpr int kDepth = 16;
constexpr int kSide = 16;  // threads
constexpr int kMine = kTile / kSide;

// kTile rows of kDepth elements from column c on, turned; what does not exist is zero.
template <class T>
__device__ void load_tile(const Rows<const T>& from, int64_t first_row, int c,
                          float (&to)[kDepth][kTile + 1]) {
  for (int i = static_cast<int>(threadIdx.x); i < kTile * kDepth; i += kSide * kSide) {
    const int row = i / kDepth, column = i % kDepth;
    const bool valid = first_row + row < from.rows && c + column < from.cols;
    to[column][row] = valid ? to_float(from.row(first_row + row)[c + column]) : 0.0f;
  }
}

template <class In, class Out>
__global__ void __launch_bounds__(kSide* kSide)
    matmul_kernel(Rows<const In> x, Rows<const In> w, const float* bias, bool accumulate,
                  Rows<Out> out) {
  __shared__ float x_tile[kDepth][kTile + 1];
  __shared__ float w_tile[kDepth][kTile + 1];
  const int64_t first_row = int64_t{blockIdx.x} * kTile, first_column = int64_t{blockIdx.y} * kTile;
  const int mine_row = static_cast<int>(threadIdx.x) / kSide;
  const int mine_column = static_cast<int>(threadIdx.x) % kSide;
  float sums[kMine][kMine] = {};
  for (int c = 0; c < x.cols; c += kDepth) {
    load_tile(x, first_row, c, x_tile);
    load_tile(w, first_column, c, w_tile);
    __syncthreads();
#pragma unroll
    for (int d = 0; d < kDepth; ++d) {
#pragma unroll
      for (int i = 0; i < kMine; ++i) {
#pragma unroll
        for (int j = 0; j < kMine; ++j) {
          sums[i][j] += x_tile[d][mine_row + i * kSide] * w_tile[d][mine_column + j * kSide];
        }
      }
    }
    __syncthreads();
  }
  for (int i = 0; i < kMine; ++i) {
    const int64_t row = first_row + mine_row + i * kSide;
    if (row >= out.rows) break;
    for (int j = 0; j < kMine; ++j) {
      const int64_t column = first_column + mine_column + j * kSide;
      if (column >= out.cols) break;
      Out* to = out.row(row) + column;
      float value = sums[i][j];
      if (bias) value += bias[column];
      if (accumulate) value += to_float(*to);
      *to = from_float<Out>(value);
    }
  }
}

}  // namespace

void matmul(const View& x, const View& w, const float* bias, bool accumulate, const View& out,
            cudaStream_t stream) {
  const LaunchShape shape{dim3(static_cast<unsigned>((out.rows + kTile - 1) / kTile),
                               static_cast<unsigned>((out.cols + kTile - 1) / kTile)),
                          dim3(kSide * kSide)};
  with_float_type(x.dtype, [&](auto in) {
    with_float_type(out.dtype, [&](auto result) {
      using In = decltype(in);
      using Out = decltype(result);
      launch(matmul_kernel<In, Out>, shape, stream, rows_as<const In>(x), rows_as<const In>(w),
             bias, accumulate, rows_as<Out>(out));
    });
  });
}

}  // namespace echo::cuda
