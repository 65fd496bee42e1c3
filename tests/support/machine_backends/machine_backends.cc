// The backends that this machine can run, for every test program that is linked with this.
#include <dlfcn.h>

#include "base/error.h"
#include "cpu/cpu_backend.h"
#include "cuda/loader/loader.h"
#include "support/backends.h"
#include "support/paths.h"

namespace echo {
namespace {

std::shared_ptr<Backend> make_cpu(const std::string& name) {
  for (const cpu::Kernels* kernels : cpu::supported_kernels()) {
    if (name == "cpu_" + std::string(kernels->name)) {
      cpu::CpuOptions options;
      options.kernels = kernels;
      return cpu::make_cpu_backend(options);
    }
  }
  return nullptr;
}

std::shared_ptr<Backend> make_cuda(const std::string&) {
  return cuda::open_backend(build_path("/apps/libecho_cuda.so"), {});
}

bool cuda_works() {
  // Without a driver, an answer that is cheaper than opening the module.
  void* driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  if (!driver) return false;
  try {
    make_cuda("");
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::vector<TestBackend> backends(Device device) {
  std::vector<TestBackend> found;
  if (device == Device::kCpu) {
    for (const cpu::Kernels* kernels : cpu::supported_kernels()) {
      found.push_back({"cpu_" + std::string(kernels->name), make_cpu});
    }
  } else if (static const bool works = cuda_works(); works) {
    found.push_back({"cuda", make_cuda});
  }
  return found;
}

const bool used = TestBackends::use(backends);

}  // namespace
}  // namespace echo
