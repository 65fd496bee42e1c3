#include "cuda/kernels.h"
#include "cuda/row_norm.cuh"

namespace echo::cuda {
namespace {

template <class In, class Out>
__global__ void layer_norm_kernel(Rows<const In> x, const float* weight, const float* bias,
                                  bool vectors_whole, float eps, Rows<Out> out) {
  const BlockRow<In> row(x, blockIdx.x);
  const float count = static_cast<float>(x.cols);
  const float mean = row.sum([](float value) { return value; }) / count;
  // A second look at the row: the mean of squares less the square of the mean would lose digits.
  const float squares = row.sum([=](float value) { return (value - mean) * (value - mean); });
  const float inverse = 1.0f / sqrtf(squares / count + eps);
  Out* const to = out.row(blockIdx.x);
  row.for_each([&](int column, int elements, const float(&values)[kGroup]) {
    float y[kGroup], w[kGroup], b[kGroup];
    load(weight + column, elements, vectors_whole, w);
    load(bias + column, elements, vectors_whole, b);
#pragma unroll
    for (int i = 0; i < kGroup; ++i) y[i] = (values[i] - mean) * inverse * w[i] + b[i];
    store(to + column, elements, out.whole, y);
  });
}

}  // namespace

void layer_norm(const View& x, const float* weight, const float* bias, float eps, const View& out,
                cudaStream_t stream) {
  const bool whole =
      (reinterpret_cast<uintptr_t>(weight) | reinterpret_cast<uintptr_t>(bias)) % 16 == 0;
  with_float_type(x.dtype, [&](auto in) {
    with_float_type(out.dtype, [&](auto result) {
      using In = decltype(in);
      using Out = decltype(result);
      launch(layer_norm_kernel<In, Out>, row_shape(x.rows, x.cols), stream, rows_as<const In>(x),
             weight, bias, whole, eps, rows_as<Out>(out));
    });
  });
}

}  // namespace echo::cuda
