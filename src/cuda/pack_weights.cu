// Weights as they are in the file become what matmuls read.
#include "cuda/elements.cuh"
#include "cuda/kernels.h"
#include "cuda/launch.h"

namespace echo::cuda {
namespace {

constexpr int kThreads = 256;

// raw (out, in, taps) to packed (out, taps, in).
template <class From, class To>
__global__ void pack_weights_kernel(const From* raw, int64_t taps, Rows<To> packed) {
  const int64_t count = packed.rows * packed.cols;
  const int64_t in = packed.cols / taps;
  for (int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x; i < count;
       i += int64_t{gridDim.x} * kThreads) {
    const int64_t row = i / packed.cols, column = i - row * packed.cols;
    const int64_t tap = column / in, input = column - tap * in;
    packed.row(row)[column] = from_float<To>(to_float(raw[(row * in + input) * taps + tap]));
  }
}

}  // namespace

void pack_weights(const void* raw, DType raw_dtype, int64_t taps, const View& packed,
                  cudaStream_t stream) {
  constexpr int64_t kMaxBlocks = 4096;
  const int64_t blocks = (packed.rows * packed.cols + kThreads - 1) / kThreads;
  const LaunchShape shape{dim3(static_cast<unsigned>(blocks < kMaxBlocks ? blocks : kMaxBlocks)),
                          dim3(kThreads)};
  with_float_type(raw_dtype, [&](auto from) {
    with_float_type(packed.dtype, [&](auto to) {
      using From = decltype(from);
      using To = decltype(to);
      launch(pack_weights_kernel<From, To>, shape, stream, static_cast<const From*>(raw), taps,
             rows_as<To>(packed));
    });
  });
}

}  // namespace echo::cuda
