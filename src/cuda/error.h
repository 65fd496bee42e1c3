// Errors of the CUDA libraries as echo::Error. Only sources of the CUDA module include this.
#pragma once

#include <cuda_runtime.h>

#include <string>

#include "base/error.h"

namespace echo::cuda {

// Throws kInternal, and remembers the first such text: a broken device stays broken, so the process
// should report and end.
[[noreturn]] void fail(const std::string& text);
// Throws what fail() remembers, if anything. Any thread.
void require_healthy();

// Throws kInternal as fail() unless the call succeeded: `what` names what was tried.
inline void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  fail("CUDA: " + std::string(what) + ": " + cudaGetErrorString(status) + " (" +
       cudaGetErrorName(status) + ")");
}

// The same for the start of a kernel, which is named where the runtime still says its name.
void check_start(cudaError_t status, const void* kernel);

}  // namespace echo::cuda
