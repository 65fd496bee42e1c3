// Errors of the CUDA libraries as echo::Error. Only sources of the CUDA module include this.
#pragma once

#include <cuda_runtime.h>

#include <string>

#include "base/error.h"

namespace echo::cuda {

// Throws kInternal unless the call succeeded: `what` names what was tried. An error of the device
// is sticky, so the process should not go on.
inline void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  throw_internal("cuda: " + std::string(what) + ": " + cudaGetErrorString(status) + " (" +
                 cudaGetErrorName(status) + ")");
}

}  // namespace echo::cuda
