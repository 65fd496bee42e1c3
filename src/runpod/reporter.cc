#include "runpod/reporter.h"

#include "base/retry.h"

namespace echo::runpod {
namespace {

bool worth_retrying(const HttpResponse& response) {
  if (response.error != TransportError::kNone) {
    // Answers that cannot be read are still a sign that the post went through once.
    return response.error != TransportError::kCancelled;
  }
  const int status = response.status;
  return status >= 500 || status == 408 || status == 425 || status == 429;
}

// Any 2xx or 3xx counts; so does an answer whose unread body was broken or too long.
bool delivered(const HttpResponse& response) {
  const bool good_status = response.status >= 200 && response.status < 400;
  return good_status &&
         (response.error == TransportError::kNone || response.error == TransportError::kTooLarge);
}

Delivery final_answer(int status) {
  if (status == 400 || status == 413) return Delivery::kRejected;
  return status == 404 ? Delivery::kGone : Delivery::kRefused;
}

}  // namespace

Reporter::Reporter(const PlatformClient& client, const Endpoints& endpoints,
                   const WorkerOptions& options, Logger& logger)
    : client_(client),
      endpoints_(endpoints),
      logger_(logger),
      timing_(options.timing),
      limits_(options.limits) {}

Reporter::Attempts Reporter::post(const std::string& url, const LogScope& scope,
                                  const std::string& body, Patience patience,
                                  std::stop_token stop) const {
  RetryPolicy policy;
  policy.max_attempts = 0;
  policy.first_delay = timing_.post_backoff_first;
  policy.max_delay = timing_.post_backoff_cap;
  policy.jitter = 0.3;
  Backoff backoff(policy);
  const auto start = std::chrono::steady_clock::now();
  for (int attempt = 1;; ++attempt) {
    const HttpResponse response = client_.post(url, scope.job_id, body, patience.attempt, stop);
    if (delivered(response)) return {Delivery::kDelivered, "", response.status};
    const std::string reason = describe(response);
    if (response.error == TransportError::kCancelled || stop.stop_requested()) {
      return {Delivery::kCancelled, reason, response.status};
    }
    if (!worth_retrying(response)) {
      return {final_answer(response.status), reason, response.status};
    }
    const auto pause = backoff.next_delay(retry_after(response, timing_.retry_after_cap))
                           .value_or(Milliseconds(0));
    const auto spent = std::chrono::steady_clock::now() - start;
    if (attempt >= timing_.post_attempts && spent + pause > patience.budget) {
      return {Delivery::kExhausted, reason + " after " + std::to_string(attempt) + " attempts",
              response.status};
    }
    logger_.debug("Post failed, trying again. | " + reason, scope);
    if (!real_clock().sleep_for(pause, stop)) return {Delivery::kCancelled, reason, 0};
  }
}

size_t Reporter::result_limit(const std::string& job_id) const {
  return job_id.rfind("sync-", 0) == 0 ? limits_.sync_result : limits_.run_result;
}

Delivery Reporter::post_result(const ActiveJob& job, const JobOutcome& outcome,
                               bool is_stream) const {
  std::string body = result_body(outcome);
  if (const size_t limit = result_limit(job.job.id()); body.size() > limit) {
    const std::string text = "result_too_large: the result has " + std::to_string(body.size()) +
                             " bytes, the platform takes at most " + std::to_string(limit);
    logger_.error(text, job.scope);
    body = error_body(text, outcome.stop_pod);
  }
  return post_final(job.scope, body, is_stream, outcome.stop_pod,
                    {timing_.post_timeout, timing_.post_budget}, job.silence_token());
}

Delivery Reporter::post_error(const std::string& job_id, const std::string& error) const {
  // It holds up the taking of jobs, so it gets less time.
  return post_final({job_id, ""}, error_body(error), false, false,
                    {timing_.piece_timeout, timing_.piece_budget}, {});
}

Delivery Reporter::post_final(const LogScope& scope, const std::string& body, bool is_stream,
                              bool stop_pod, Patience patience, std::stop_token stop) const {
  const std::string url = endpoints_.output(scope.job_id, is_stream);
  Attempts attempts = post(url, scope, body, patience, stop);
  if (attempts.delivery == Delivery::kRejected) {
    const std::string text = "result_rejected: the platform rejected the result (HTTP " +
                             std::to_string(attempts.status) + ", " + std::to_string(body.size()) +
                             " bytes)";
    logger_.error(text, scope);
    attempts = post(url, scope, error_body(text, stop_pod), patience, stop);
  }
  switch (attempts.delivery) {
    case Delivery::kDelivered:
      logger_.debug("Results sent.", scope);
      break;
    case Delivery::kGone:
      logger_.info("The platform no longer knows the job, its result is dropped.", scope);
      break;
    case Delivery::kCancelled:
      break;
    default:
      logger_.error("Failed to return job results. | " + attempts.reason, scope);
  }
  return attempts.delivery;
}

Delivery Reporter::post_piece(const ActiveJob& job, const std::string& body) const {
  const Attempts attempts =
      post(endpoints_.stream(job.job.id()), job.scope, body,
           {timing_.piece_timeout, timing_.piece_budget}, job.silence_token());
  if (attempts.delivery == Delivery::kDelivered) {
    logger_.debug("Intermediate results sent.", job.scope);
  } else if (attempts.delivery != Delivery::kCancelled) {
    logger_.error("Failed to send a stream piece, it is lost. | " + attempts.reason, job.scope);
  }
  return attempts.delivery;
}

Delivery Reporter::post_progress(const ActiveJob& job, const std::string& body) const {
  const HttpResponse response = client_.post(endpoints_.output(job.job.id(), false), job.job.id(),
                                             body, timing_.progress_timeout, job.silence_token());
  if (delivered(response)) return Delivery::kDelivered;
  logger_.debug("Failed to send a progress update. | " + describe(response), job.scope);
  return Delivery::kExhausted;
}

}  // namespace echo::runpod
