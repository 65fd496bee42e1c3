// The one device of this program. There is no CPU backend here: its libraries are missing on the
// machines that the program is for.
#pragma once

#include "engine/device.h"

namespace echo::device_check {

// A GPU, whose notices are kept in device_notices(), too.
DeviceOptions check_device();

// Lets the tests of operations run on it.
void test_on_check_device();

}  // namespace echo::device_check
