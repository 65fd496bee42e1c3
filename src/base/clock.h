// Time as a dependency, so that waits and deadlines can be tested without waiting.
#pragma once

#include <chrono>
#include <stop_token>

namespace echo {

// Threads: every member may be called from any thread.
class Clock {
 public:
  virtual ~Clock() = default;

  // Monotonic; for durations and deadlines.
  virtual std::chrono::steady_clock::time_point now() = 0;

  // Time of day (UTC); for dates that others see.
  virtual std::chrono::system_clock::time_point wall_now() = 0;

  // Sleeps for the duration, or until stop is requested. Returns false if it was.
  virtual bool sleep_for(std::chrono::milliseconds duration, std::stop_token stop = {}) = 0;
};

// The clock of the machine.
Clock& real_clock();

}  // namespace echo
