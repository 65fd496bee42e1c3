#include "cuda/kernels.h"
#include "cuda/row_norm.cuh"

namespace echo::cuda {
namespace {

template <class In, class Out>
__global__ void rms_norm_kernel(Rows<const In> x, const float* weight, bool weight_whole, float eps,
                                Rows<Out> out) {
  const BlockRow<In> row(x, blockIdx.x);
  const float inverse = inverse_rms(row, x.cols, eps);
  Out* to = out.row(blockIdx.x);
  row.for_each([&](int column, int count, const float(&values)[kGroup]) {
    float y[kGroup], w[kGroup];
    load(weight + column, count, weight_whole, w);
#pragma unroll
    for (int i = 0; i < kGroup; ++i) y[i] = values[i] * inverse * w[i];
    store(to + column, count, out.whole, y);
  });
}

}  // namespace

void rms_norm(const View& x, const float* weight, float eps, const View& out, cudaStream_t stream) {
  const bool whole = reinterpret_cast<uintptr_t>(weight) % 16 == 0;
  with_float_type(x.dtype, [&](auto in) {
    with_float_type(out.dtype, [&](auto result) {
      using In = decltype(in);
      using Out = decltype(result);
      launch(rms_norm_kernel<In, Out>, row_shape(x.rows, x.cols), stream, rows_as<const In>(x),
             weight, whole, eps, rows_as<Out>(out));
    });
  });
}

}  // namespace echo::cuda
