// The kinds of devices that there are backends for. A program names those that it may use in
// DeviceOptions::kinds, and is linked with their backends alone.
#pragma once

#include <vector>

#include "engine/device.h"

namespace echo {

// oneDNN and this project's kernels, in the program.
DeviceKind cpu_device();

// The CUDA module, which is opened when a GPU is asked for. Errors of `make`: kUnavailable with the
// reason why there is none that works.
DeviceKind cuda_device();

// All of them, the fastest first.
std::vector<DeviceKind> all_devices();

}  // namespace echo
