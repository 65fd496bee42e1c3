#include "engine/device.h"

#include <charconv>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "cpu/cpu_backend.h"
#include "cuda/loader/loader.h"

namespace echo {
namespace {

// The N of "cuda:N"; 0 for "cuda".
std::optional<int> gpu_index(std::string_view name) {
  constexpr std::string_view kGpu = "cuda";
  if (name.substr(0, kGpu.size()) != kGpu) return {};
  name.remove_prefix(kGpu.size());
  if (name.empty()) return 0;
  if (name.front() != ':') return {};
  name.remove_prefix(1);
  unsigned index = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  constexpr unsigned kMostDevices = 1024;
  if (error != std::errc() || end != name.data() + name.size() || index >= kMostDevices) return {};
  return static_cast<int>(index);
}

std::unique_ptr<Backend> make_cpu(const DeviceOptions& options) {
  cpu::CpuOptions cpu;
  cpu.threads = options.threads;
  return cpu::make_cpu_backend(cpu);
}

std::unique_ptr<Backend> make_gpu(const DeviceOptions& options, int index) {
  cuda::CudaOptions gpu;
  gpu.device = index;
  gpu.memory_limit = options.gpu_memory_limit;
  gpu.batch_width = options.batch_width;
  gpu.algorithm_folder = options.algorithm_folder.string();
  gpu.notice = options.notice;
  return cuda::open_backend(options.cuda_module, gpu);
}

}  // namespace

bool is_device_name(const std::string& name) {
  return name == "auto" || name == "cpu" || gpu_index(name);
}

std::unique_ptr<Backend> make_device(const DeviceOptions& options) {
  if (!is_device_name(options.name)) {
    throw_invalid("device: found \"" + options.name.substr(0, 40) +
                  "\", expected \"auto\", \"cpu\", \"cuda\" or \"cuda:N\"");
  }
  if (const std::optional<int> index = gpu_index(options.name)) return make_gpu(options, *index);
  if (options.name == "auto") {
    try {
      return make_gpu(options, 0);
    } catch (const Error& error) {
      if (options.notice) options.notice("Using the CPU. " + std::string(error.what()));
    }
  }
  return make_cpu(options);
}

}  // namespace echo
