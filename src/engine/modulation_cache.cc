#include "engine/modulation_cache.h"

#include <algorithm>

#include "engine/schedule.h"

namespace echo {
namespace {

constexpr int64_t kRunSteps = 50;  // 59 MB at the published sizes

}  // namespace

ModulationCache::ModulationCache(const EchoDit& dit, bool round_time, size_t max_bytes)
    : dit_(dit), round_time_(round_time), max_bytes_(max_bytes) {}

Tensor ModulationCache::row(int64_t num_steps, int64_t step) {
  const int64_t first = step / kRunSteps * kRunSteps;
  const auto found = std::find_if(runs_.begin(), runs_.end(), [&](const Run& run) {
    return run.num_steps == num_steps && run.first == first;
  });
  if (found != runs_.end()) {
    runs_.splice(runs_.begin(), runs_, found);
  } else {
    runs_.push_front({num_steps, first, compute(num_steps, first)});
    size_t bytes = 0;
    for (auto run = runs_.begin(); run != runs_.end(); ++run) {
      bytes += static_cast<size_t>(run->rows.size()) * sizeof(float);
      if (bytes > max_bytes_ && run != runs_.begin()) {
        runs_.erase(run, runs_.end());
        break;
      }
    }
  }
  return runs_.front().rows.row_range(step - first, 1);
}

Tensor ModulationCache::compute(int64_t num_steps, int64_t first) const {
  const std::vector<float> schedule = time_schedule(num_steps);
  const int64_t last = std::min(first + kRunSteps, num_steps);
  std::vector<float> times(schedule.begin() + first, schedule.begin() + last);
  if (round_time_) {
    for (float& t : times) t = bfloat16_to_float(float_to_bfloat16(t));
  }
  return dit_.modulation(times);
}

}  // namespace echo
