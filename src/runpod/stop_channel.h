// Listens for jobs that the platform wants stopped.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "base/log.h"
#include "runpod/endpoints.h"
#include "runpod/job_table.h"
#include "runpod/outage_log.h"
#include "runpod/platform_client.h"

namespace echo::runpod {

class StopChannel {
 public:
  // The referenced objects must outlive the channel.
  StopChannel(const PlatformClient& client, const Endpoints& endpoints,
              const WorkerOptions& options, JobTable& table, Logger& logger);

  // Runs until stop is requested, on the caller's thread; returns at once when the take URL has no
  // form for stopping.
  void run(std::stop_token stop);

 private:
  // How long to wait before the next poll.
  Milliseconds handle(const HttpResponse& response, Milliseconds elapsed);
  Milliseconds handle_list(const HttpResponse& response);
  Milliseconds failure_pause();

  const PlatformClient& client_;
  const Endpoints& endpoints_;
  const WorkerTiming timing_;
  const size_t max_body_;
  JobTable& table_;
  Logger& logger_;
  OutageLog outage_;
  int failures_ = 0;
};

}  // namespace echo::runpod
