// Tells the platform that the worker lives, and which jobs it holds.
#pragma once

#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "runpod/endpoints.h"
#include "runpod/job_table.h"
#include "runpod/outage_log.h"
#include "runpod/platform_client.h"

namespace echo::runpod {

// One thread that pings at a fixed rate. It shares no lock with a running job.
class Heartbeat {
 public:
  // The referenced objects must outlive the heartbeat.
  Heartbeat(const PlatformClient& client, const Endpoints& endpoints, const WorkerOptions& options,
            const JobTable& table, Logger& logger, Clock& clock = real_clock());
  ~Heartbeat() { stop(); }
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  // Starts the thread, which pings at once. Does nothing, with a log line, when the key, the
  // worker's id or the URL is missing.
  void start();
  void stop();

 private:
  void run(std::stop_token stop);
  void ping(std::stop_token stop);

  const PlatformClient& client_;
  const Endpoints& endpoints_;
  const WorkerOptions& options_;
  const JobTable& table_;
  Logger& logger_;
  Clock& clock_;
  OutageLog outage_;
  std::jthread thread_;
};

// One report that a check failed, before the process ends: no retry, no error.
void report_unhealthy(const PlatformClient& client, const Endpoints& endpoints,
                      const WorkerOptions& options, std::string_view check,
                      std::string_view reason);

}  // namespace echo::runpod
