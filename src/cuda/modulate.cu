// RMS norm without weights, times 1 + scale, plus shift: a row of both for each sequence.
#include "cuda/kernels.h"
#include "cuda/row_norm.cuh"

namespace echo::cuda {
namespace {

template <class In, class Out>
__global__ void modulate_kernel(Rows<const In> x, Rows<const float> shift, Rows<const float> scale,
                                float eps, SequenceTable sequences, Rows<Out> out) {
  const BlockRow<In> row(x, blockIdx.x);
  const float inverse = inverse_rms(row, x.cols, eps);
  const int sequence = shift.rows == 1 ? 0 : sequence_of(sequences, blockIdx.x);
  const float *shifts = shift.row(sequence), *scales = scale.row(sequence);
  Out* to = out.row(blockIdx.x);
  row.for_each([&](int column, int count, const float(&values)[kGroup]) {
    float y[kGroup], offset[kGroup], factor[kGroup];
    load(shifts + column, count, shift.whole, offset);
    load(scales + column, count, scale.whole, factor);
#pragma unroll
    for (int i = 0; i < kGroup; ++i) {
      y[i] = values[i] * inverse * (1.0f + factor[i]) + offset[i];
    }
    store(to + column, count, out.whole, y);
  });
}

}  // namespace

void modulate(const View& x, const View& shift, const View& scale, float eps,
              const SequenceTable& sequences, const View& out, cudaStream_t stream) {
  with_float_type(x.dtype, [&](auto in) {
    with_float_type(out.dtype, [&](auto result) {
      using In = decltype(in);
      using Out = decltype(result);
      launch(modulate_kernel<In, Out>, row_shape(x.rows, x.cols), stream, rows_as<const In>(x),
             rows_as<const float>(shift), rows_as<const float>(scale), eps, sequences,
             rows_as<Out>(out));
    });
  });
}

}  // namespace echo::cuda
