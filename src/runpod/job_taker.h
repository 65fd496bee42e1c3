// Asks the platform for jobs.
#pragma once

#include <optional>
#include <stop_token>

#include "base/log.h"
#include "base/retry.h"
#include "runpod/endpoints.h"
#include "runpod/job_table.h"
#include "runpod/outage_log.h"
#include "runpod/platform_client.h"
#include "runpod/reporter.h"
#include "runpod/taken_jobs.h"

namespace echo::runpod {

// Keeps one request for as many jobs as there are free slots, and hands what comes to the table.
// No answer of the platform ends it; failures slow it down.
class JobTaker {
 public:
  // The referenced objects must outlive the taker.
  JobTaker(const PlatformClient& client, const Endpoints& endpoints, const Reporter& reporter,
           const WorkerOptions& options, JobTable& table, Logger& logger);

  // Runs until stop is requested, on the caller's thread. Every job that the platform handed out
  // is in the table when it returns.
  void run(std::stop_token stop);

 private:
  // What a response means for the next request.
  enum class Pace { kAtOnce, kIdle, kFrozen, kFailing, kTooMany };

  int current_limit();
  Pace handle(const HttpResponse& response, Milliseconds elapsed);
  Pace handle_body(const HttpResponse& response, Milliseconds elapsed);
  Pace nothing(Milliseconds elapsed);
  void accept(Job job);
  void refuse(const RejectedItem& item);
  void pause(Pace pace, const HttpResponse& response, std::stop_token stop);

  const PlatformClient& client_;
  const Endpoints& endpoints_;
  const Reporter& reporter_;
  const WorkerOptions& options_;
  const WorkerTiming timing_;
  JobTable& table_;
  Logger& logger_;
  OutageLog outage_;
  int limit_;  // jobs at once, as last told by the concurrency modifier
  Pace last_pace_ = Pace::kAtOnce;
  std::optional<Backoff> backoff_;  // of the last pace
};

}  // namespace echo::runpod
