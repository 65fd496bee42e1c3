// What the program and the CUDA module say to each other. Nothing of CUDA is in here.
//
// The module holds its own copies of echo_base and echo_tensor, hidden. What crosses is a Backend
// with its tensors and buffers, and exceptions: the C++ runtime library is shared and compares the
// names of types, so that an Error thrown there is caught here. The module is never unloaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "base/error.h"
#include "tensor/backend.h"

namespace echo::cuda {

struct CudaOptions {
  int device = 0;
  // Of the device's memory, in bytes; 0: all there is.
  size_t memory_limit = 0;
  // Trajectories that advance together; 0: chosen by memory and measured gain.
  int64_t batch_width = 0;
  // Matrix algorithms are timed on first use; otherwise the library's first choice is taken.
  bool measure = true;
  // Folder where the fastest algorithms are remembered; empty: nowhere.
  std::string algorithm_folder;
  // Told in one line, once for each shape, what is computed in a slower way because cuBLASLt
  // refuses it; by the thread that asked for the operation.
  std::function<void(const std::string&)> notice;
};

// Changes whenever anything that crosses does.
inline constexpr uint64_t kInterfaceNumber = 5;

// Tells a module of another build. The sizes catch a change that forgot the number.
constexpr uint64_t interface_version() {
  uint64_t version = kInterfaceNumber;
  for (const uint64_t part :
       {uint64_t{sizeof(Tensor)}, uint64_t{sizeof(HostWeights)}, uint64_t{sizeof(PackedWeights)},
        uint64_t{sizeof(KeyValueSection)}, uint64_t{sizeof(GuidedStep)}, uint64_t{sizeof(Error)},
        uint64_t{sizeof(CudaOptions)}, uint64_t{sizeof(std::string)},
        uint64_t{__GXX_ABI_VERSION}}) {
    version = version * 1000003 + part;
  }
  return version;
}

struct ModuleReply {
  Backend* backend = nullptr;  // the caller's; null after an error
  int error_code = 0;          // an ErrorCode
  char error[512] = {};        // one line
};

// The module's only symbol. Reads `options` only when the version is its own.
inline constexpr char kEntryName[] = "echo_cuda_open";
using Entry = void (*)(uint64_t version, const CudaOptions* options, ModuleReply* reply);

}  // namespace echo::cuda
