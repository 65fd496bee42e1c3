// Starting kernels: a call of a function, so that the sources are plain C++ but for the keywords.
#pragma once

#include <cuda_runtime.h>

#include <utility>

#include "cuda/error.h"

namespace echo::cuda {

struct LaunchShape {
  dim3 grid;
  dim3 block;
  size_t dynamic_shared_bytes = 0;  // what shared_memory() of cuda/ptx.cuh points to
};

// Starts kernel(args...) on every thread of the shape, after what the stream holds already. A shape
// without blocks starts nothing. More than 48 KiB of shared memory are asked of the driver here.
// Errors: kInternal.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), const LaunchShape& shape, cudaStream_t stream,
            Arguments&&... args) {
  if (shape.grid.x == 0 || shape.grid.y == 0 || shape.grid.z == 0) return;
  constexpr size_t kSharedWithoutAsking = size_t{48} << 10;
  if (shape.dynamic_shared_bytes > kSharedWithoutAsking) {
    check(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                               cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(shape.dynamic_shared_bytes)),
          "asking for shared memory");
  }
  cudaLaunchConfig_t config{};
  config.gridDim = shape.grid;
  config.blockDim = shape.block;
  config.dynamicSmemBytes = shape.dynamic_shared_bytes;
  config.stream = stream;
  check_start(cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(args)...),
              reinterpret_cast<const void*>(kernel));
}

}  // namespace echo::cuda
