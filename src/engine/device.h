// The one place that knows which backends there are.
#pragma once

#include <memory>
#include <string>

#include "tensor/backend.h"

namespace echo {

struct DeviceOptions {
  std::string name = "auto";  // "auto": the fastest there is; "cpu"
  int threads = 0;            // of the CPU; 0: as many as the process may run on
};

// Errors: kInvalidArgument for an unknown name.
std::unique_ptr<Backend> make_device(const DeviceOptions& options);

}  // namespace echo
