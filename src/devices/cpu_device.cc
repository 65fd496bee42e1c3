#include "cpu/cpu_backend.h"
#include "devices/devices.h"

namespace echo {

DeviceKind cpu_device() {
  return {"cpu", "CPU", [](const DeviceOptions& options, int) -> std::unique_ptr<Backend> {
            cpu::CpuOptions cpu;
            cpu.threads = options.threads;
            return cpu::make_cpu_backend(cpu);
          }};
}

}  // namespace echo
