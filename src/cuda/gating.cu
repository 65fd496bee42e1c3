// silu(a) * b, x * sigmoid(gate), and additions with and without a gate for each sequence.
#include "cuda/elementwise.cuh"
#include "cuda/kernels.h"

namespace echo::cuda {
namespace {

struct SiluMul {
  __device__ float operator()(float a, float b) const { return a / (1.0f + expf(-a)) * b; }
};
struct SigmoidMul {
  __device__ float operator()(float x, float gate) const { return x / (1.0f + expf(-gate)); }
};
struct Add {
  __device__ float operator()(float to, float x) const { return to + x; }
};

template <class In, class Out>
__global__ void add_gated_kernel(Rows<const In> x, Rows<const float> gate, SequenceTable sequences,
                                 Rows<Out> to) {
  const GroupPlace at = group_place(x.rows, x.cols);
  if (at.count == 0) return;
  const int sequence = gate.rows == 1 ? 0 : sequence_of(sequences, at.row);
  float values[kGroup], factors[kGroup], sums[kGroup];
  load(x.row(at.row) + at.column, at.count, x.whole, values);
  load(gate.row(sequence) + at.column, at.count, gate.whole, factors);
  load(to.row(at.row) + at.column, at.count, to.whole, sums);
#pragma unroll
  for (int i = 0; i < kGroup; ++i) sums[i] += factors[i] * values[i];
  store(to.row(at.row) + at.column, at.count, to.whole, sums);
}

template <class Out>
__global__ void add_bias_kernel(Rows<const float> x, const float* bias, bool bias_whole,
                                bool accumulate, Rows<Out> out) {
  const GroupPlace at = group_place(x.rows, x.cols);
  if (at.count == 0) return;
  float values[kGroup], others[kGroup];
  load(x.row(at.row) + at.column, at.count, x.whole, values);
  if (bias) {
    load(bias + at.column, at.count, bias_whole, others);
#pragma unroll
    for (int i = 0; i < kGroup; ++i) values[i] += others[i];
  }
  if (accumulate) {
    load(out.row(at.row) + at.column, at.count, out.whole, others);
#pragma unroll
    for (int i = 0; i < kGroup; ++i) values[i] += others[i];
  }
  store(out.row(at.row) + at.column, at.count, out.whole, values);
}

}  // namespace

void silu_mul(const View& a, const View& b, const View& out, cudaStream_t stream) {
  combine(SiluMul{}, a, b, out, stream);
}
void sigmoid_mul(const View& x, const View& gate, cudaStream_t stream) {
  combine(SigmoidMul{}, x, gate, x, stream);
}
void add(const View& x, const View& to, cudaStream_t stream) { combine(Add{}, to, x, to, stream); }

void add_gated(const View& x, const View& gate, const SequenceTable& sequences, const View& to,
               cudaStream_t stream) {
  with_float_type(x.dtype, [&](auto in) {
    with_float_type(to.dtype, [&](auto out) {
      using In = decltype(in);
      using Out = decltype(out);
      launch(add_gated_kernel<In, Out>, elementwise_shape(x.rows, x.cols), stream,
             rows_as<const In>(x), rows_as<const float>(gate), sequences, rows_as<Out>(to));
    });
  });
}

void add_bias(const View& x, const float* bias, bool accumulate, const View& out,
              cudaStream_t stream) {
  const bool bias_whole = reinterpret_cast<uintptr_t>(bias) % 16 == 0;
  with_float_type(out.dtype, [&](auto result) {
    using Out = decltype(result);
    launch(add_bias_kernel<Out>, elementwise_shape(x.rows, x.cols), stream, rows_as<const float>(x),
           bias, bias_whole, accumulate, rows_as<Out>(out));
  });
}

}  // namespace echo::cuda
