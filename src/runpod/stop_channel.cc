#include "runpod/stop_channel.h"

#include <algorithm>
#include <cmath>

#include "base/clock.h"
#include "base/error.h"

namespace echo::runpod {

StopChannel::StopChannel(const PlatformClient& client, const Endpoints& endpoints,
                         const WorkerOptions& options, JobTable& table, Logger& logger)
    : client_(client),
      endpoints_(endpoints),
      timing_(options.timing),
      max_body_(options.limits.stop_response),
      table_(table),
      logger_(logger),
      outage_(logger, "Failed to get jobs to stop.", options.timing.failure_summary) {}

void StopChannel::run(std::stop_token stop) {
  if (!endpoints_.stop()) {
    logger_.warn("The job-take URL has no /job-take/ in it, jobs cannot be stopped.");
    return;
  }
  while (!stop.stop_requested()) {
    const auto start = std::chrono::steady_clock::now();
    const HttpResponse response = client_.poll(*endpoints_.stop(), max_body_, stop);
    if (response.error == TransportError::kCancelled) return;
    const auto elapsed =
        std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - start);
    real_clock().sleep_for(handle(response, elapsed), stop);
  }
}

Milliseconds StopChannel::handle(const HttpResponse& response, Milliseconds elapsed) {
  if (response.error == TransportError::kTimeout && elapsed >= timing_.poll_timeout / 2) {
    return Milliseconds(0);
  }
  if (response.error == TransportError::kNone) {
    if (response.status == 200) return handle_list(response);
    if (response.status == 204) {
      outage_.recovered();
      failures_ = 0;
      return timing_.stop_pause;
    }
    if (response.status == 429) {
      outage_.failed(LogLevel::kWarn, "HTTP 429, too many requests");
      return std::max(timing_.too_many_requests, retry_after(response, timing_.retry_after_cap));
    }
  }
  // Not every platform has this channel, so its absence is no error.
  const bool absent = response.error == TransportError::kNone && response.status == 404;
  outage_.failed(absent ? LogLevel::kInfo : LogLevel::kError, describe(response),
                 response.error_text);
  return absent ? timing_.stop_failure_cap : failure_pause();
}

Milliseconds StopChannel::handle_list(const HttpResponse& response) {
  const auto malformed = [this](const std::string& what) {
    outage_.failed(LogLevel::kWarn, what);
    return failure_pause();
  };
  if (!is_json(response)) return malformed("the answer is not JSON");
  Json document;
  try {
    document = parse_json(response.body);
  } catch (const Error& error) {
    return malformed(error.what());
  }
  if (!document.is_object() || !document.contains("jobsToStop") ||
      !document["jobsToStop"].is_array()) {
    return malformed("the answer has no list jobsToStop");
  }
  outage_.recovered();
  failures_ = 0;
  bool stopped_any = false;
  for (const Json& id : document["jobsToStop"]) {
    if (!id.is_string()) {
      logger_.warn(std::string("Job id to stop is of type ") + id.type_name() + ", ignored.");
      continue;
    }
    if (const auto job = table_.cancel(id.get<std::string>(), CancelReason::kStopped)) {
      logger_.info("Stopping job.", job->scope);
      stopped_any = true;
    }
  }
  return stopped_any ? Milliseconds(0) : timing_.stop_pause;
}

Milliseconds StopChannel::failure_pause() {
  const double grown =
      static_cast<double>(timing_.stop_pause.count()) * std::exp2(std::min(failures_++, 20));
  return std::min(Milliseconds(static_cast<int64_t>(grown)), timing_.stop_failure_cap);
}

}  // namespace echo::runpod
