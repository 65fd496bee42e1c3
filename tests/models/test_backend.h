// The CPU that the tests of this folder compute on.
#pragma once

#include "cpu/cpu_backend.h"
#include "support/shared_by_tests.h"

namespace echo {

inline Backend& backend() {
  return shared_by_tests([] { return cpu::make_cpu_backend(); });
}

}  // namespace echo
