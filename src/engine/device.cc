#include "engine/device.h"

#include "base/error.h"
#include "cpu/cpu_backend.h"

namespace echo {

std::unique_ptr<Backend> make_device(const DeviceOptions& options) {
  if (options.name != "auto" && options.name != "cpu") {
    throw_invalid("device: found \"" + options.name.substr(0, 40) +
                  "\", expected \"auto\" or \"cpu\"");
  }
  cpu::CpuOptions cpu;
  cpu.threads = options.threads;
  return cpu::make_cpu_backend(cpu);
}

}  // namespace echo
