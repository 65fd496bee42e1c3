// The CPU that the tests of this folder compute on.
#pragma once

#include "cpu/cpu_backend.h"

namespace echo {

inline Backend& backend() {
  static const std::unique_ptr<Backend> instance = cpu::make_cpu_backend();
  return *instance;
}

}  // namespace echo
