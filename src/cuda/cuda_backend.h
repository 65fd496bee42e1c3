// An NVIDIA GPU as a backend: cuBLASLt for matrices, own kernels for the rest, all on one stream.
#pragma once

#include <memory>

#include "cuda/loader/module_interface.h"
#include "tensor/backend.h"

namespace echo::cuda {

// Operations return when their work is on the stream; only download() waits. One thread at a time
// may call operations; memory may be released from any thread. After an error of the device every
// operation throws kInternal. Errors: kInternal, kUnavailable for no memory.
std::unique_ptr<Backend> make_cuda_backend(const CudaOptions& options);

}  // namespace echo::cuda
