#include "cuda/loader/loader.h"
#include "devices/devices.h"

namespace echo {

DeviceKind cuda_device() {
  return {"cuda", "GPU", [](const DeviceOptions& options, int index) -> std::unique_ptr<Backend> {
            cuda::CudaOptions gpu;
            gpu.device = index;
            gpu.memory_limit = options.gpu_memory_limit;
            gpu.batch_width = options.batch_width;
            gpu.algorithm_folder = options.algorithm_folder.string();
            gpu.notice = options.notice;
            return cuda::open_backend(options.cuda_module, gpu);
          }};
}

}  // namespace echo
