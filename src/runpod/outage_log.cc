#include "runpod/outage_log.h"

namespace echo::runpod {

void OutageLog::failed(LogLevel level, const std::string& reason) {
  const auto now = std::chrono::steady_clock::now();
  ++failures_;
  if (reason != reason_) {
    logger_.log(level, what_ + " | " + reason);
  } else if (now - last_line_ >= summary_every_) {
    logger_.log(level,
                what_ + " | " + reason + " | " + std::to_string(failures_) + " failures so far");
  } else {
    return;
  }
  reason_ = reason;
  last_line_ = now;
}

void OutageLog::recovered() {
  if (reason_.empty()) return;
  logger_.info(what_ + " | works again after " + std::to_string(failures_) + " failures");
  reason_.clear();
  failures_ = 0;
}

}  // namespace echo::runpod
