// One job from its start to its posted result.
#pragma once

#include <string>

#include "base/log.h"
#include "job/handler.h"
#include "runpod/job_end.h"
#include "runpod/job_table.h"
#include "runpod/reporter.h"
#include "runpod/result_body.h"
#include "runpod/worker_options.h"

namespace echo::runpod {

// Threads: any number of jobs at once.
class JobRunner {
 public:
  // The referenced objects must outlive the runner.
  JobRunner(Handler handler, const Reporter& reporter, const WorkerOptions& options,
            Logger& logger);

  // Runs the handler and posts what came of it. Posts nothing for a job that was stopped, or that
  // the end of the process cut short. Never throws.
  JobEnd run(ActiveJob& job) const;

 private:
  JobEnd run_and_report(ActiveJob& job) const;
  std::string report(const std::exception& error, bool is_stream) const;
  void add_debugger(const ActiveJob& job, JobOutcome& outcome,
                    std::chrono::system_clock::time_point started) const;

  Handler handler_;
  const Reporter& reporter_;
  const WorkerOptions& options_;
  Logger& logger_;
  WorkerIdentity identity_;
};

}  // namespace echo::runpod
