// The options of every command that computes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/command.h"
#include "apps/environment.h"
#include "engine/device.h"

namespace echo::apps {

struct DeviceFlags {
  std::string device = "auto", cuda_module;
  int threads = 0;
  std::optional<int64_t> gpu_memory_mb, batch_width;
  Environment environment;

  // Declares them; what is not given comes from ECHO_DEVICE, ECHO_CUDA_MODULE, ECHO_GPU_MEMORY_MB
  // and ECHO_BATCH_WIDTH.
  void add_to(Command& command, const Environment& variables, const std::string& group = "Device");
  // The notice why "auto" took the CPU goes to standard error unless it is replaced. Errors:
  // kInvalidArgument for a variable.
  DeviceOptions options() const;
  // The same as flags, for another process of this program.
  std::vector<std::string> arguments() const;
};

}  // namespace echo::apps
