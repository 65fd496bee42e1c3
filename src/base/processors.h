// How many processors the process may use, in a container as its control group says.
#pragma once

#include <optional>
#include <string>

namespace echo {

struct ProcessorAllowance {
  int online = 1;               // of the machine, as far as the process can see
  int affinity = 1;             // that its threads may run on
  std::optional<double> quota;  // of processor time, as processors; nothing: no limit
  int numa_nodes = 1;           // that those of the affinity belong to

  // How many threads that compute are worth starting: a part of a processor counts as one.
  int threads() const;
  // "2 of 64 processors (control group: 1.5, affinity: 4)"
  std::string text() const;
};

// Of the calling thread. The least quota of the control group and those above it counts, of
// versions 1 and 2. `root` is where proc/ and sys/ are found.
ProcessorAllowance processor_allowance(const std::string& root = "/");

}  // namespace echo
