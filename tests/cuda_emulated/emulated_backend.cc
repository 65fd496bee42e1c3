// The CUDA backend over the emulator, as the only backend of this program. It stands among those
// that need no device.
#include <cstdlib>

#include "cuda/cuda_backend.h"
#include "support/backends.h"

namespace echo {
namespace {

std::shared_ptr<Backend> make_emulated(const std::string&) {
  cuda::CudaOptions options;
  options.batch_width = 1;
  options.measure = false;  // both algorithms are the same here
  return cuda::make_cuda_backend(options);
}

std::vector<TestBackend> backends(Device device) {
  if (device != Device::kCpu) return {};
  return {{"cuda_emulated", make_emulated, true}};
}

const bool used = TestBackends::use(backends);

}  // namespace
}  // namespace echo
