#include "devices/devices.h"

namespace echo {

std::vector<DeviceKind> all_devices() { return {cuda_device(), cpu_device()}; }

}  // namespace echo
