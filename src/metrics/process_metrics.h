// This process as the operating system sees it.
#pragma once

#include <vector>

namespace echo {

struct ProcessNumber {
  const char* name;
  const char* help;
  bool counter;  // else a gauge
  double value;
};

// process_cpu_seconds_total, process_resident_memory_bytes and their like; what cannot be read is
// left out.
std::vector<ProcessNumber> process_numbers();

}  // namespace echo
