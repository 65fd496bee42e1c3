// A convolution with few outputs, as the codec's last: x is read once, a thread for each row.
#include "cuda/conv1d.h"
#include "cuda/elements.cuh"
#include "cuda/launch.h"

namespace echo::cuda {
namespace {

constexpr int kRows = 128;  // of a block, and its threads
constexpr int kChannels = 16;
constexpr int kMaxReach = 64;
constexpr int kKept = kRows + kMaxReach;

struct FewShape {
  const float* bias;
  int64_t rows;
  int out, in, taps, dilation;
  bool accumulate;
};

template <class T, class Out>
__global__ void __launch_bounds__(kRows)
    conv1d_few_kernel(Rows<const T> x, const T* w, FewShape shape, Rows<Out> out) {
  // Channels outside: neighbouring threads read neighbouring rows.
  __shared__ float tile[kChannels][kKept + 1];
  const int64_t first_row = int64_t{blockIdx.x} * kRows;
  const int thread = static_cast<int>(threadIdx.x);
  const int kept = kRows + (shape.taps - 1) * shape.dilation;
  float sums[kMaxFewOutputs] = {};
  for (int begin = 0; begin < shape.in; begin += kChannels) {
    const int channels = min(kChannels, shape.in - begin);
    for (int i = thread; i < kept * (kChannels / kGroup); i += kRows) {
      const int r = i / (kChannels / kGroup), c = i % (kChannels / kGroup) * kGroup;
      float values[kGroup] = {};
      if (first_row + r < x.rows && c < channels) {
        load(x.row(first_row + r) + begin + c, min(kGroup, channels - c), x.whole, values);
      }
#pragma unroll
      for (int j = 0; j < kGroup; ++j) tile[c + j][r] = values[j];
    }
    __syncthreads();
    for (int tap = 0; tap < shape.taps; ++tap) {
      const int r = thread + tap * shape.dilation;
      const T* const weights = w + int64_t{tap} * shape.in + begin;
      for (int c = 0; c < channels; ++c) {
        const float value = tile[c][r];
#pragma unroll
        for (int o = 0; o < kMaxFewOutputs; ++o) {
          if (o < shape.out) {
            sums[o] += to_float(weights[int64_t{o} * shape.taps * shape.in + c]) * value;
          }
        }
      }
    }
    __syncthreads();
  }
  const int64_t row = first_row + thread;
  if (row >= shape.rows) return;
#pragma unroll
  for (int o = 0; o < kMaxFewOutputs; ++o) {
    if (o < shape.out) {
      Out* const to = out.row(row) + o;
      float value = sums[o] + (shape.bias ? shape.bias[o] : 0.0f);
      if (shape.accumulate) value += to_float(*to);
      *to = from_float<Out>(value);
    }
  }
}

}  // namespace

bool conv1d_few_fits(const Convolution& convolution, const View& out) {
  return out.cols <= kMaxFewOutputs && convolution.stride == 1 &&
         (convolution.taps - 1) * convolution.dilation <= kMaxReach;
}

void conv1d_few(const View& x, const Convolution& convolution, const View& out,
                cudaStream_t stream) {
  const FewShape shape{convolution.bias,         out.rows,         static_cast<int>(out.cols),
                       static_cast<int>(x.cols), convolution.taps, convolution.dilation,
                       convolution.accumulate};
  const int64_t blocks = (out.rows + kRows - 1) / kRows;
  with_float_type(x.dtype, [&](auto in) {
    with_float_type(out.dtype, [&](auto result) {
      using In = decltype(in);
      using Out = decltype(result);
      launch(conv1d_few_kernel<In, Out>, {dim3(static_cast<unsigned>(blocks)), dim3(kRows)}, stream,
             rows_as<const In>(x), static_cast<const In*>(convolution.w.data), shape,
             rows_as<Out>(out));
    });
  });
}

}  // namespace echo::cuda
