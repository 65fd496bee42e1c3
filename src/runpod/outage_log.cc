#include "runpod/outage_log.h"

namespace echo::runpod {

void OutageLog::failed(LogLevel level, const std::string& state, const std::string& detail) {
  const auto now = std::chrono::steady_clock::now();
  ++failures_;
  if (state != state_) {
    logger_.log(level, what_ + " | " + state + (detail.empty() ? "" : " | " + detail));
  } else if (now - last_line_ >= summary_every_) {
    logger_.log(level,
                what_ + " | " + state + " | " + std::to_string(failures_) + " failures so far");
  } else {
    return;
  }
  state_ = state;
  last_line_ = now;
}

void OutageLog::recovered() {
  if (state_.empty()) return;
  logger_.info(what_ + " | works again after " + std::to_string(failures_) + " failures");
  state_.clear();
  failures_ = 0;
}

}  // namespace echo::runpod
