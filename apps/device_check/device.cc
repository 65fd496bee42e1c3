// The devices of a program for machines that have a GPU and little else: it has no CPU backend,
// whose libraries are missing there. Stands in for engine/device.cc.
#include "engine/device.h"

#include "apps/device_check/notices.h"
#include "base/error.h"
#include "cuda/loader/loader.h"

namespace echo {

bool is_device_name(const std::string& name) { return name == "auto" || name == "cuda"; }

std::unique_ptr<Backend> make_device(const DeviceOptions& options) {
  if (!is_device_name(options.name)) {
    throw_invalid("device: found \"" + options.name.substr(0, 40) +
                  "\", expected \"cuda\": this program has no other backend");
  }
  cuda::CudaOptions gpu;
  gpu.memory_limit = options.gpu_memory_limit;
  gpu.batch_width = options.batch_width;
  gpu.algorithm_folder = options.algorithm_folder.string();
  gpu.notice = [notice = options.notice](const std::string& line) {
    device_check::device_notices().add(line);
    if (notice) notice(line);
  };
  return cuda::open_backend(options.cuda_module, gpu);
}

}  // namespace echo
