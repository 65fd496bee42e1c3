#include "engine/retake_time.h"

namespace echo {

bool retake_in_time(const RetakeTimes& times) {
  if (times.take_seconds > times.seconds_left) return false;
  return !times.lead_seconds || *times.lead_seconds <= 0 ||
         *times.lead_seconds >= times.take_seconds;
}

}  // namespace echo
