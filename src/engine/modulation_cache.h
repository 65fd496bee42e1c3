// What the transformer derives from time alone, computed once for each schedule.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>

#include "models/echo_dit.h"

namespace echo {

// Rows of EchoDit::modulation() for the steps of schedules, a run of steps at a time, the runs used
// last kept. Used by the device's thread alone. Must not outlive the model.
class ModulationCache {
 public:
  // round_time: times are rounded to bfloat16 before they are embedded, as every run of the
  // published bfloat16 checkpoint does (0.999 becomes 1). max_bytes: of rows kept, one run at
  // least.
  ModulationCache(const EchoDit& dit, bool round_time, size_t max_bytes = size_t{256} << 20);

  // (1, L * 6 * C) for the given step of time_schedule(num_steps).
  Tensor row(int64_t num_steps, int64_t step);

 private:
  struct Run {
    int64_t num_steps;
    int64_t first;
    Tensor rows;
  };
  Tensor compute(int64_t num_steps, int64_t first) const;

  const EchoDit& dit_;
  bool round_time_;
  size_t max_bytes_;
  std::list<Run> runs_;  // the one used last in front
};

}  // namespace echo
