// A clock that stands still until a test or a sleep moves it.
#pragma once

#include <mutex>
#include <vector>

#include "base/clock.h"

namespace echo {

class FakeClock final : public Clock {
 public:
  explicit FakeClock(std::chrono::system_clock::time_point wall = {}) : wall_(wall) {}

  std::chrono::steady_clock::time_point now() override {
    std::scoped_lock lock(mutex_);
    return steady_;
  }

  std::chrono::system_clock::time_point wall_now() override {
    std::scoped_lock lock(mutex_);
    return wall_;
  }

  // Returns at once, the time having passed.
  bool sleep_for(std::chrono::milliseconds duration, std::stop_token stop = {}) override {
    if (stop.stop_requested()) return false;
    advance(duration);
    std::scoped_lock lock(mutex_);
    sleeps_.push_back(duration);
    return true;
  }

  void advance(std::chrono::milliseconds duration) {
    std::scoped_lock lock(mutex_);
    steady_ += duration;
    wall_ += duration;
  }

  std::vector<std::chrono::milliseconds> sleeps() const {
    std::scoped_lock lock(mutex_);
    return sleeps_;
  }

 private:
  mutable std::mutex mutex_;
  std::chrono::steady_clock::time_point steady_{};
  std::chrono::system_clock::time_point wall_;
  std::vector<std::chrono::milliseconds> sleeps_;
};

}  // namespace echo
