// How long the body of a request may take to arrive: for as long as it keeps coming.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace echo::http {

struct BodyPaceLimits {
  std::chrono::milliseconds patience{60'000};  // in which something must come
  // Bytes a second that must come on average, once the first patience is over: a line of 64 kbit/s.
  std::uint64_t least_rate = 8 << 10;
};

// A body that stops is given up, and so is one that only drips; a long one on a slow line is not.
// Knows no clock: whoever reads tells it the time.
class BodyPace {
 public:
  using Time = std::chrono::steady_clock::time_point;

  BodyPace(const BodyPaceLimits& limits, Time begun)
      : limits_(limits), begun_(begun), last_(begun) {}

  // So many bytes have come.
  void take(std::uint64_t bytes, Time now) {
    taken_ += bytes;
    last_ = now;
  }

  // When the body is given up unless more of it comes.
  Time deadline() const {
    const std::chrono::milliseconds earned(taken_ * 1000 / limits_.least_rate);
    return std::min(last_, begun_ + earned) + limits_.patience;
  }

 private:
  const BodyPaceLimits limits_;
  const Time begun_;
  Time last_;
  std::uint64_t taken_ = 0;
};

}  // namespace echo::http
