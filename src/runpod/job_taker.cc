#include "runpod/job_taker.h"

#include <algorithm>

#include "base/error.h"

namespace echo::runpod {
namespace {

using SteadyClock = std::chrono::steady_clock;

}  // namespace

JobTaker::JobTaker(const PlatformClient& client, const Endpoints& endpoints,
                   const Reporter& reporter, const WorkerOptions& options, JobTable& table,
                   Logger& logger)
    : client_(client),
      endpoints_(endpoints),
      reporter_(reporter),
      options_(options),
      timing_(options.timing),
      table_(table),
      logger_(logger),
      outage_(logger, "Failed to get job.", options.timing.failure_summary),
      limit_(options.concurrency) {}

void JobTaker::run(std::stop_token stop) {
  constexpr Milliseconds kLookAgain{1'000};
  while (!stop.stop_requested()) {
    const int need = current_limit() - static_cast<int>(table_.size());
    if (need <= 0) {
      table_.wait_below(static_cast<size_t>(std::max(limit_, 0)), stop, kLookAgain);
      continue;
    }
    const auto start = SteadyClock::now();
    const HttpResponse response =
        client_.poll(endpoints_.take(need, table_.size() > 0), options_.limits.take_response, stop);
    if (response.error == TransportError::kCancelled) return;
    const auto elapsed = std::chrono::duration_cast<Milliseconds>(SteadyClock::now() - start);
    pause(handle(response, elapsed), response, stop);
  }
}

int JobTaker::current_limit() {
  if (!options_.concurrency_modifier) return limit_;
  try {
    limit_ = std::clamp(options_.concurrency_modifier(limit_), 0, options_.concurrency);
  } catch (const std::exception&) {
    logger_.warn("The concurrency modifier failed, the last number of jobs stays.");
  }
  return limit_;
}

JobTaker::Pace JobTaker::handle(const HttpResponse& response, Milliseconds elapsed) {
  if (response.error != TransportError::kNone) {
    // Half a poll's time tells a quiet platform from a connection that never came about.
    if (response.error == TransportError::kTimeout && elapsed >= timing_.poll_timeout / 2) {
      logger_.debug("Job request timed out, asking again.");
      return Pace::kAtOnce;
    }
    outage_.failed(LogLevel::kError, describe(response), response.error_text);
    return Pace::kFailing;
  }
  switch (response.status) {
    case 200:
      return handle_body(response, elapsed);
    case 204:
      return nothing(elapsed);
    case 400:
      logger_.debug("Received 400 status, expected when FlashBoot is enabled.");
      return Pace::kFrozen;
    case 429:
      outage_.failed(LogLevel::kWarn, "HTTP 429, too many requests");
      return Pace::kTooMany;
    default:
      outage_.failed(LogLevel::kError, describe(response), response.error_text);
      return Pace::kFailing;
  }
}

// A platform that holds its answers sets the pace itself.
JobTaker::Pace JobTaker::nothing(Milliseconds elapsed) {
  outage_.recovered();
  return elapsed >= timing_.held_poll ? Pace::kAtOnce : Pace::kIdle;
}

JobTaker::Pace JobTaker::handle_body(const HttpResponse& response, Milliseconds elapsed) {
  if (!is_json(response) || response.body.empty()) {
    logger_.debug("Job response without a JSON body, no jobs.");
    return Pace::kFrozen;
  }
  TakenJobs taken;
  try {
    taken = parse_taken_jobs(response.body);
  } catch (const Error& error) {
    outage_.failed(LogLevel::kWarn, error.what());
    return Pace::kFrozen;
  }
  if (taken.jobs.empty() && taken.rejected.empty()) return nothing(elapsed);
  for (Job& job : taken.jobs) accept(std::move(job));
  for (const RejectedItem& item : taken.rejected) refuse(item);
  if (taken.jobs.empty()) return Pace::kFailing;
  outage_.recovered();
  logger_.info("Jobs in queue: " + std::to_string(table_.queued()));
  return Pace::kAtOnce;
}

void JobTaker::accept(Job job) {
  Milliseconds limit = job.execution_timeout();
  if (timing_.job_limit.count() > 0) {
    limit = limit.count() > 0 ? std::min(limit, timing_.job_limit) : timing_.job_limit;
  }
  auto active = std::make_shared<ActiveJob>(std::move(job), limit);
  if (!table_.add(active)) {
    logger_.warn("A job of this id is already here, the second one is ignored.", active->scope);
  }
}

void JobTaker::refuse(const RejectedItem& item) {
  logger_.error("Failed to get job. | " + item.reason, {item.id, ""});
  if (!item.id.empty()) reporter_.post_error(item.id, "invalid_input: " + item.reason);
}

void JobTaker::pause(Pace pace, const HttpResponse& response, std::stop_token stop) {
  if (pace != last_pace_ || !backoff_) {
    RetryPolicy policy;
    policy.max_attempts = 0;
    policy.first_delay = timing_.backoff_first;
    policy.max_delay = pace == Pace::kIdle     ? timing_.idle_cap
                       : pace == Pace::kFrozen ? timing_.frozen_cap
                                               : timing_.failure_cap;
    policy.jitter = 0.2;  // little, so that the rate of requests stays bounded
    backoff_.emplace(policy);
  }
  last_pace_ = pace;
  if (pace == Pace::kAtOnce) return;
  Milliseconds least{0};
  if (response.error == TransportError::kNone && response.status != 200) {
    const bool asked_to_wait = pace == Pace::kTooMany;
    least = retry_after(response, asked_to_wait ? timing_.retry_after_cap : timing_.failure_cap);
  }
  if (pace == Pace::kTooMany) {
    real_clock().sleep_for(std::max(timing_.too_many_requests, least), std::move(stop));
  } else {
    backoff_->wait(std::move(stop), least);
  }
}

}  // namespace echo::runpod
