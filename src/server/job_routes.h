// The routes about jobs, in two styles: the platform's development server at the root by POST, its
// hosted API under /v2/{endpoint}/ and at the root by GET.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "http/router.h"
#include "server/answers.h"
#include "server/job_book.h"
#include "server/webhook_sender.h"

namespace echo::server {

struct JobRouteOptions {
  using Milliseconds = std::chrono::milliseconds;

  std::string endpoint_id;         // not empty: serves /{endpoint_id}/realtime
  std::string worker_id;           // shown in answers; empty: not
  bool streaming_handler = false;  // POST /stream takes jobs that gave no piece

  std::uint64_t run_body = 10'000'000;
  std::uint64_t runsync_body = 20'000'000;

  Milliseconds default_wait{90'000};  // how long runsync, status-sync and stream are held
  Milliseconds min_wait{1'000};
  Milliseconds max_wait{300'000};
  // Python's client gives up after 10 s, whatever it waits for.
  Milliseconds python_stream_wait{8'000};

  Milliseconds min_execution_timeout{5'000};
  Milliseconds min_ttl{10'000};
  Milliseconds max_policy{std::chrono::hours(7 * 24)};
};

class JobRoutes {
 public:
  // The references must outlive the routes; `webhooks` may be null, then no job may name one.
  JobRoutes(JobRouteOptions options, JobBook& book, WebhookSender* webhooks, Clock& clock);

  void add_to(http::Router& router);

  // What the workers of the endpoint are doing, for health().
  struct Workers {
    bool loading = false;
    bool broken = false;
  };
  // {"jobs": {...}, "workers": {...}}
  Json health(const Workers& workers) const;

 private:
  enum class Style { kDevelopment, kHosted };
  using Deadline = JobBook::TimePoint;

  void run(const http::Call& call, Style style, JobKind kind);
  void realtime(const http::Call& call);
  void development_status(const http::Call& call);
  void development_stream(const http::Call& call);
  void status(const http::Call& call);
  void status_sync(const http::Call& call);
  void stream(const http::Call& call);
  void cancel(const http::Call& call);
  void retry(const http::Call& call);
  void purge(const http::Call& call);

  std::optional<http::Response> policy(const Json& body, Submission* submission) const;
  std::optional<http::Response> webhook(const Json& body, Style style,
                                        Submission* submission) const;
  std::optional<http::Response> refusal(Submission submission);
  void answer_when_final(const http::Call& call, const std::string& id, Deadline deadline,
                         Style style);
  std::optional<Deadline> deadline(const http::Call& call, std::optional<Deadline> otherwise) const;

  const JobRouteOptions options_;
  JobBook& book_;
  WebhookSender* const webhooks_;
  Clock& clock_;
};

}  // namespace echo::server
