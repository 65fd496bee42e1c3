// Keeps a failing peer from flooding the log.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/log.h"
#include "runpod/worker_options.h"

namespace echo::runpod {

// Logs when the state of a peer changes and, while a failure lasts, a summary now and then.
// Not shared between threads.
class OutageLog {
 public:
  // `what` begins every line ("Failed to get job.").
  OutageLog(Logger& logger, std::string what, Milliseconds summary_every)
      : logger_(logger), what_(std::move(what)), summary_every_(summary_every) {}

  // `state` names the failure; `detail` may differ each time and is logged with a new state only.
  void failed(LogLevel level, const std::string& state, const std::string& detail = "");
  void recovered();

 private:
  Logger& logger_;
  const std::string what_;
  const Milliseconds summary_every_;
  std::string state_;  // empty: no outage
  int failures_ = 0;
  std::chrono::steady_clock::time_point last_line_;
};

}  // namespace echo::runpod
