// Opens the CUDA module at run time: the program itself needs no CUDA.
#pragma once

#include <filesystem>
#include <memory>

#include "cuda/loader/module_interface.h"

namespace echo::cuda {

inline constexpr char kModuleName[] = "libecho_cuda.so";

// Where the module is looked for, the first that exists: `module` when given, else beside the
// running program and in ../lib from there.
std::filesystem::path find_module(const std::filesystem::path& module);

// A backend on the device. One thread at a time may call operations; memory may be released from
// any thread. Errors, each one line with the reason: kUnavailable when there is no module, no
// cuBLASLt, no driver, too old a driver, no such device, a device of a compute capability that the
// module was not built for, or no memory; kInternal for a module of another build.
std::unique_ptr<Backend> open_backend(const std::filesystem::path& module,
                                      const CudaOptions& options);

}  // namespace echo::cuda
