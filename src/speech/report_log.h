// Where the reports of jobs go: a line of the log, and whoever counts them.
#pragma once

#include <functional>

#include "base/log.h"
#include "speech/job_report.h"

namespace echo {

// Threads: any.
class ReportLog {
 public:
  using Finished = std::function<void(const JobReport&)>;  // may be empty

  // `logger` must outlive it.
  ReportLog(Logger& logger, Finished finished)
      : logger_(logger), finished_(std::move(finished)) {}

  // Never throws: what is told of a job must not take its result away.
  void tell(const JobReport& report, const LogScope& scope) const;

 private:
  Logger& logger_;
  const Finished finished_;
};

}  // namespace echo
