// How often and when to try again.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <stop_token>

#include "base/clock.h"

namespace echo {

// Waits grow by `factor` from first_delay to max_delay, each shortened at random by up to `jitter`
// of itself, so that many workers do not knock at the same moment.
struct RetryPolicy {
  int max_attempts = 5;  // including the first; 0: no limit
  std::chrono::milliseconds first_delay{250};
  std::chrono::milliseconds max_delay{10'000};
  double factor = 2.0;
  double jitter = 0.5;
  std::chrono::milliseconds total{0};  // from the first attempt on; 0: no limit
};

// The waits of one operation. Not shared between threads.
class Backoff {
 public:
  explicit Backoff(const RetryPolicy& policy, Clock& clock = real_clock(),
                   std::uint64_t seed = std::random_device{}());

  // Called after a failed attempt. The wait before the next one, at least `at_least` (what the peer
  // asked for), or nothing when the attempts or the total time are spent.
  std::optional<std::chrono::milliseconds> next_delay(std::chrono::milliseconds at_least = {});

  // next_delay and the wait itself. False: do not try again (spent, or stop was requested).
  bool wait(std::stop_token stop = {}, std::chrono::milliseconds at_least = {});

  // Called after a success in an endless loop: waits begin anew.
  void reset();

  int failures() const { return failures_; }

  // What is left of the total time, never negative; nothing if there is no limit.
  std::optional<std::chrono::milliseconds> time_left() const;

 private:
  RetryPolicy policy_;
  Clock& clock_;
  std::minstd_rand random_;
  std::chrono::steady_clock::time_point start_;
  int failures_ = 0;
};

}  // namespace echo
