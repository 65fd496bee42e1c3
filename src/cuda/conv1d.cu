// The choice among the ways to compute a convolution, and the plain one.
#include "cuda/conv1d.h"

#include "cuda/elements.cuh"
#include "cuda/launch.h"

namespace echo::cuda {
namespace {

constexpr int kTile = 64;       // rows and outputs of a block
constexpr int kDepth = 16;      // products of a sum between two barriers
constexpr int kThreadTile = 4;  // rows and outputs of a thread
constexpr int kSide = kTile / kThreadTile;
constexpr int kThreads = kSide * kSide;

struct PlainShape {
  const float* bias;
  int64_t rows;
  int out, in, taps, stride, dilation, out_tiles;
  bool accumulate;
};

// out (rows x out) = x (rows of [tap][input]) times w (out x [tap][input]), transposed. The sum
// runs over taps and inputs as one axis, of which a row of x is put together while it is loaded.
template <class T, class Out>
__global__ void __launch_bounds__(kThreads, 3)
    conv1d_plain_kernel(Rows<const T> x, const T* w, PlainShape shape, Rows<Out> out) {
  __shared__ float x_tile[kDepth][kTile + 1];
  __shared__ float w_tile[kDepth][kTile + 1];
  const int64_t row_tile = blockIdx.x / static_cast<unsigned>(shape.out_tiles);
  const int64_t first_row = row_tile * kTile;
  const int first_out =
      static_cast<int>(blockIdx.x % static_cast<unsigned>(shape.out_tiles)) * kTile;
  const int thread = static_cast<int>(threadIdx.x);
  const int my_row = thread / kSide, my_out = thread % kSide;
  const int depth = shape.taps * shape.in;
  float sums[kThreadTile][kThreadTile] = {};
  for (int begin = 0; begin < depth; begin += kDepth) {
    for (int i = thread; i < kTile * kDepth; i += kThreads) {
      const int line = i / kDepth, k = i % kDepth, tap = (begin + k) / shape.in;
      const int channel = begin + k - tap * shape.in;
      const int64_t row = first_row + line;
      x_tile[k][line] =
          begin + k < depth && row < shape.rows
              ? to_float(x.row(row * shape.stride + int64_t{tap} * shape.dilation)[channel])
              : 0.0f;
      w_tile[k][line] = begin + k < depth && first_out + line < shape.out
                            ? to_float(w[int64_t{first_out + line} * depth + begin + k])
                            : 0.0f;
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < kDepth; ++k) {
      float left[kThreadTile], right[kThreadTile];
#pragma unroll
      for (int i = 0; i < kThreadTile; ++i) {
        left[i] = x_tile[k][my_row + i * kSide];
        right[i] = w_tile[k][my_out + i * kSide];
      }
#pragma unroll
      for (int i = 0; i < kThreadTile; ++i) {
#pragma unroll
        for (int j = 0; j < kThreadTile; ++j) sums[i][j] += left[i] * right[j];
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < kThreadTile; ++i) {
    const int64_t row = first_row + my_row + i * kSide;
    if (row >= shape.rows) break;
#pragma unroll
    for (int j = 0; j < kThreadTile; ++j) {
      const int o = first_out + my_out + j * kSide;
      if (o >= shape.out) break;
      float value = sums[i][j] + (shape.bias ? shape.bias[o] : 0.0f);
      if (shape.accumulate) value += to_float(out.row(row)[o]);
      out.row(row)[o] = from_float<Out>(value);
    }
  }
}

// A stride that divides the taps: the rows of a stride side by side are one row of a convolution
// without stride. The weights lie the same way already.
bool fold_stride(View& x, Convolution& convolution) {
  if (convolution.stride == 1) return true;
  if (convolution.taps % convolution.stride != 0 || convolution.dilation != 1 ||
      x.stride != x.cols) {
    return false;
  }
  x.rows /= convolution.stride;
  x.cols *= convolution.stride;
  x.stride = x.cols;
  convolution.taps /= convolution.stride;
  convolution.stride = 1;
  return true;
}

}  // namespace

void conv1d_plain(const View& x, const Convolution& convolution, const View& out,
                  cudaStream_t stream) {
  const int64_t out_tiles = (out.cols + kTile - 1) / kTile;
  const int64_t row_tiles = (out.rows + kTile - 1) / kTile;
  const PlainShape shape{convolution.bias,           out.rows,
                         static_cast<int>(out.cols), static_cast<int>(x.cols),
                         convolution.taps,           convolution.stride,
                         convolution.dilation,       static_cast<int>(out_tiles),
                         convolution.accumulate};
  with_float_type(x.dtype, [&](auto in) {
    with_float_type(out.dtype, [&](auto result) {
      using In = decltype(in);
      using Out = decltype(result);
      launch(conv1d_plain_kernel<In, Out>,
             {dim3(static_cast<unsigned>(row_tiles * out_tiles)), dim3(kThreads)}, stream,
             rows_as<const In>(x), static_cast<const In*>(convolution.w.data), shape,
             rows_as<Out>(out));
    });
  });
}

void conv1d(const View& x, const Convolution& convolution, const View& out, cudaStream_t stream) {
  if (out.rows == 0) return;
  View rows = x;
  Convolution folded = convolution;
  if (fold_stride(rows, folded)) {
    if (conv1d_few_fits(folded, out)) return conv1d_few(rows, folded, out, stream);
    if (conv1d_tensor_fits(rows, folded)) return conv1d_tensor(rows, folded, out, stream);
  }
  conv1d_plain(x, convolution, out, stream);
}

}  // namespace echo::cuda
