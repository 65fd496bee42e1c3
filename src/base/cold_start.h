// How long a start takes, from the making of the process to readiness, stage by stage.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace echo {

// Seconds since the kernel made this process, to a hundredth; what ran under the same process id
// before an exec (a start-up script) counts. 0 where /proc does not tell.
double process_age_seconds();

// A stopwatch that is running from the start: each lap gives the time since the lap before to one
// stage, so the stages add up to the whole. Used by one thread at a time.
class ColdStart {
 public:
  struct Stage {
    std::string name;
    double seconds = 0;
  };

  // All that was before, linking and start-up scripts, is the stage "process".
  explicit ColdStart(double process_age = process_age_seconds());

  // Ends a lap. A stage that comes again grows.
  void lap(const std::string& stage);

  // In the order of their first laps.
  const std::vector<Stage>& stages() const { return stages_; }
  double total() const;
  // "5.31 s: process 0.02, config 0.01, map 0.05, load 5.21, warm-up 0.02"
  std::string text() const;

 private:
  std::vector<Stage> stages_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace echo
