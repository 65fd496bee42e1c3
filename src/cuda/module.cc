// The module's entry.
#include <algorithm>
#include <cstring>
#include <string_view>

#include "cuda/cuda_backend.h"
#include "cuda/device_probe.h"
#include "cuda/loader/module_interface.h"

namespace echo::cuda {
namespace {

void refuse(ModuleReply* reply, ErrorCode code, std::string_view text) {
  reply->error_code = static_cast<int>(code);
  const size_t size = std::min(text.size(), sizeof reply->error - 1);
  std::memcpy(reply->error, text.data(), size);
  reply->error[size] = '\0';
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void echo_cuda_open(uint64_t version,
                                                                      const CudaOptions* options,
                                                                      ModuleReply* reply) {
  if (version != interface_version()) {
    return refuse(reply, ErrorCode::kInternal, "CUDA: the module is of another build");
  }
  try {
    require_device(options->device);
    reply->backend = make_cuda_backend(*options).release();
  } catch (const Error& error) {
    // A device that cannot even be set up leaves the process as it was.
    refuse(reply, ErrorCode::kUnavailable, error.what());
  } catch (const std::exception& error) {
    refuse(reply, ErrorCode::kInternal, error.what());
  }
}

}  // namespace echo::cuda
