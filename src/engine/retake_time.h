// Whether there is time for another take.
#pragma once

#include <limits>
#include <optional>

namespace echo {

struct RetakeTimes {
  double take_seconds = 0;                                        // that the last one took
  double seconds_left = std::numeric_limits<double>::infinity();  // before the request's deadline
  // How much a listener, who began when the first sound was there, has yet to hear; none where
  // nobody listens or nothing has been given out. Not above zero when the device is slower than
  // speech: then nobody can be listening yet.
  std::optional<double> lead_seconds = std::nullopt;
};

// Whether a take that lasts as long as the last one keeps the deadline and does not make a listener
// wait.
bool retake_in_time(const RetakeTimes& times);

}  // namespace echo
