// The ways to compute a convolution; conv1d() of cuda/kernels.h chooses.
#pragma once

#include "cuda/kernels.h"

namespace echo::cuda {

// Any shape, type and layout, on the float32 units.
void conv1d_plain(const View& x, const Convolution& convolution, const View& out,
                  cudaStream_t stream);

// Few outputs from float rows, stride 1: a thread for each row of the result.
constexpr int kMaxFewOutputs = 4;
bool conv1d_few_fits(const Convolution& convolution, const View& out);
void conv1d_few(const View& x, const Convolution& convolution, const View& out,
                cudaStream_t stream);

// bfloat16 on the tensor cores: aligned rows, stride 1, taps that do not reach too far.
bool conv1d_tensor_fits(const View& x, const Convolution& convolution);
void conv1d_tensor(const View& x, const Convolution& convolution, const View& out,
                   cudaStream_t stream);

}  // namespace echo::cuda
