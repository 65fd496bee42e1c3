// Gets documents about jobs to the platform, with patience.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>

#include "base/log.h"
#include "runpod/endpoints.h"
#include "runpod/job_table.h"
#include "runpod/platform_client.h"
#include "runpod/result_body.h"

namespace echo::runpod {

// What became of a post.
enum class Delivery {
  kDelivered,
  kRejected,   // 400 or 413: the platform will not have this body
  kGone,       // 404: the platform no longer knows the job
  kRefused,    // another final answer, 401 and 403 among them
  kExhausted,  // every attempt failed
  kCancelled,  // the job was silenced meanwhile
};

// Threads: any number of jobs at once; one post at a time per job and URL is the caller's business.
class Reporter {
 public:
  // The referenced objects must outlive the reporter.
  Reporter(const PlatformClient& client, const Endpoints& endpoints, const WorkerOptions& options,
           Logger& logger);

  // Posts the final result of a job: retries, replaces a body that is too large or was rejected by
  // an error, logs, and never throws for what the platform does.
  Delivery post_result(const ActiveJob& job, const JobOutcome& outcome, bool is_stream) const;

  // The same for an item that never became a job.
  Delivery post_error(const std::string& job_id, const std::string& error) const;

  // Posts one piece of a stream, with retries.
  Delivery post_piece(const ActiveJob& job, const std::string& body) const;

  // Posts an intermediate state: one attempt.
  Delivery post_progress(const ActiveJob& job, const std::string& body) const;

  // The largest result body that the platform takes for that job.
  size_t result_limit(const std::string& job_id) const;

 private:
  struct Attempts {
    Delivery delivery;
    std::string reason;  // of the last failure
    int status = 0;
  };

  // How long one attempt may take, and until when new ones are made.
  struct Patience {
    Milliseconds attempt;
    Milliseconds budget;
  };

  Attempts post(const std::string& url, const LogScope& scope, const std::string& body,
                Patience patience, std::stop_token stop) const;
  Delivery post_final(const LogScope& scope, const std::string& body, bool is_stream, bool stop_pod,
                      Patience patience, std::stop_token stop) const;

  const PlatformClient& client_;
  const Endpoints& endpoints_;
  Logger& logger_;
  WorkerTiming timing_;
  SizeLimits limits_;
};

}  // namespace echo::runpod
