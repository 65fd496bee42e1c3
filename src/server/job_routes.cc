#include "server/job_routes.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/error.h"
#include "base/uuid.h"
#include "net/url.h"
#include "runpod/result_body.h"
#include "server/job_body.h"

namespace echo::server {
namespace {

using Milliseconds = std::chrono::milliseconds;

http::Response ok(std::string body) { return http::json_response(200, std::move(body)); }

http::Response unknown_job(const std::string& id) {
  return http::json_response(404, Json{{"id", id}, {"error", "not_found: no such job"}});
}

// What the development server says of an unknown job, with 200.
http::Response lost_job(const std::string& id, const char* error = "Job ID not found") {
  return ok("{\"id\":" + dump_json(id) + ",\"status\":\"FAILED\",\"error\":\"" + error + "\"}");
}

http::Response queue_full() {
  return http::error_response(429, "queue_full: too many jobs wait or are kept, try again later");
}
http::Response closing() { return http::error_response(503, "unavailable: no new jobs are taken"); }

std::optional<Milliseconds> milliseconds_in(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return Milliseconds(value);
}

}  // namespace

JobRoutes::JobRoutes(JobRouteOptions options, JobBook& book, WebhookSender* webhooks, Clock& clock)
    : options_(std::move(options)), book_(book), webhooks_(webhooks), clock_(clock) {}

void JobRoutes::add_to(http::Router& router) {
  using Method = void (JobRoutes::*)(const http::Call&);
  const auto add = [&](const char* method, const std::string& pattern, Method function) {
    router.add(
        {method, pattern, [this, function](const http::Call& call) { (this->*function)(call); }});
  };
  const auto add_run = [&](const std::string& pattern, Style style, JobKind kind) {
    router.add({"POST", pattern,
                [this, style, kind](const http::Call& call) { run(call, style, kind); },
                kind == JobKind::kRun ? options_.run_body : options_.runsync_body});
  };
  add_run("/run", Style::kDevelopment, JobKind::kRun);
  add_run("/runsync", Style::kDevelopment, JobKind::kRunSync);
  add("POST", "/status/{id}", &JobRoutes::development_status);
  add("POST", "/stream/{id}", &JobRoutes::development_stream);
  if (!options_.endpoint_id.empty()) {
    router.add({"POST", "/" + percent_encode(options_.endpoint_id) + "/realtime",
                [this](const http::Call& call) { realtime(call); }, options_.runsync_body});
  }

  add_run("/v2/{endpoint}/run", Style::kHosted, JobKind::kRun);
  add_run("/v2/{endpoint}/runsync", Style::kHosted, JobKind::kRunSync);
  for (const std::string base : {"", "/v2/{endpoint}"}) {
    add("GET", base + "/status/{id}", &JobRoutes::status);
    add("GET", base + "/status-sync/{id}", &JobRoutes::status_sync);
    add("POST", base + "/status-sync/{id}", &JobRoutes::status_sync);
    add("GET", base + "/stream/{id}", &JobRoutes::stream);
    add("POST", base + "/cancel/{id}", &JobRoutes::cancel);
    add("POST", base + "/retry/{id}", &JobRoutes::retry);
    add("POST", base + "/purge-queue", &JobRoutes::purge);
  }
  add("POST", "/v2/{endpoint}/status/{id}", &JobRoutes::status);
  add("POST", "/v2/{endpoint}/stream/{id}", &JobRoutes::stream);
}

// ---- new jobs

std::optional<http::Response> JobRoutes::policy(const Json& body, Submission* submission) const {
  const auto policy = body.find("policy");
  if (policy == body.end() || policy->is_null()) return std::nullopt;
  if (!policy->is_object()) {
    return http::error_response(400, "bad_request: policy is of type " +
                                         std::string(policy->type_name()) + ", expected an object");
  }
  const auto read = [&](const char* name, Milliseconds least,
                        std::optional<Milliseconds>* to) -> std::optional<http::Response> {
    const auto found = policy->find(name);
    if (found == policy->end() || found->is_null()) return std::nullopt;
    const double value = found->is_number() ? found->get<double>() : -1;
    if (!(value >= static_cast<double>(least.count()) &&
          value <= static_cast<double>(options_.max_policy.count()))) {
      return http::error_response(400, std::string("bad_request: policy.") + name +
                                           " must be a number of milliseconds from " +
                                           std::to_string(least.count()) + " to " +
                                           std::to_string(options_.max_policy.count()));
    }
    *to = Milliseconds(static_cast<std::int64_t>(value));
    return std::nullopt;
  };
  if (auto wrong = read("executionTimeout", options_.min_execution_timeout,
                        &submission->execution_timeout)) {
    return wrong;
  }
  return read("ttl", options_.min_ttl, &submission->ttl);
}

std::optional<http::Response> JobRoutes::webhook(const Json& body, Style style,
                                                 Submission* submission) const {
  const auto found = body.find("webhook");
  if (found == body.end() || found->is_null()) return std::nullopt;
  if (!found->is_string()) return http::error_response(400, "bad_request: webhook is no text");
  const auto url = found->get<std::string>();
  if (url.empty()) return std::nullopt;
  if (webhooks_ == nullptr) {
    return http::error_response(400, "bad_request: this server sends no webhooks");
  }
  try {
    parse_url(url);
  } catch (const Error&) {
    return http::error_response(400, "bad_request: webhook is no http or https address");
  }
  submission->finished = [this, url, style](const JobView& job) {
    if (style == Style::kHosted) {
      webhooks_->send(job.id, url, status_json(job, options_.worker_id));
    } else if (job.state == JobState::kCompleted) {
      webhooks_->send(job.id, url, bare_json(job));
    }
  };
  return std::nullopt;
}

// Nothing when the job was taken.
std::optional<http::Response> JobRoutes::refusal(Submission submission) {
  try {
    switch (book_.submit(std::move(submission))) {
      case Added::kYes:
        return std::nullopt;
      case Added::kFull:
        return queue_full();
      case Added::kClosed:
        break;
    }
  } catch (const Error& error) {
    return http::error_response(400, "bad_request: " + std::string(error.what()));
  }
  return closing();
}

void JobRoutes::run(const http::Call& call, Style style, JobKind kind) {
  const bool hosted = style == Style::kHosted;
  CheckedBody body = hosted ? hosted_body(call.request.body) : development_body(call.request.body);
  if (body.refusal) return call.reply.send(std::move(*body.refusal));
  Submission submission;
  submission.kind = kind;
  if (hosted) {
    submission.id = (kind == JobKind::kRunSync ? "sync-" : "") + random_uuid() + "-u1";
  } else {
    submission.id = "test-" + random_uuid();
  }
  if (auto wrong = policy(body.document, &submission)) return call.reply.send(std::move(*wrong));
  if (auto wrong = webhook(body.document, style, &submission)) {
    return call.reply.send(std::move(*wrong));
  }
  submission.document = {{"id", submission.id}, {"webhook", nullptr}};
  for (const char* name : {"input", "webhook", "policy", "s3Config"}) {
    if (const auto found = body.document.find(name); found != body.document.end()) {
      submission.document[name] = std::move(*found);
    }
  }
  submission.bytes = held_bytes(submission.document);
  const std::string id = submission.id;
  std::optional<Deadline> until;
  if (kind == JobKind::kRunSync) {
    until = deadline(call, hosted ? std::nullopt : std::optional(Deadline::max()));
    if (!until) return call.reply.send(http::error_response(400, "bad_request: wait is no number"));
  }
  if (auto refused = refusal(std::move(submission))) return call.reply.send(std::move(*refused));
  if (until) return answer_when_final(call, id, *until, style);
  // The development server says IN_PROGRESS of a job that waits.
  call.reply.send(http::json_response(
      200, "{\"id\":\"" + id + "\",\"status\":\"" + (hosted ? "IN_QUEUE" : "IN_PROGRESS") + "\"}"));
}

void JobRoutes::realtime(const http::Call& call) {
  CheckedBody body = realtime_body(call.request.body);
  if (body.refusal) return call.reply.send(std::move(*body.refusal));
  Submission submission;
  submission.kind = JobKind::kRealtime;
  submission.id = "realtime-" + random_uuid();
  submission.document = {{"id", std::move(body.document["id"])},
                         {"input", std::move(body.document["input"])}};
  submission.bytes = held_bytes(submission.document);
  const std::string id = submission.id;
  if (auto refused = refusal(std::move(submission))) return call.reply.send(std::move(*refused));
  // Nobody else knows the job, so it ends with the connection.
  const auto cancel = [&book = book_, id] { book.cancel(id); };
  const auto guard =
      std::make_shared<std::stop_callback<decltype(cancel)>>(call.request.lost, cancel);
  book_.when(
      id, JobBook::Until::kFinal, Deadline::max(), {}, [this, id, guard, reply = call.reply] {
        const auto job = book_.find(id);
        book_.forget(id);
        if (!job) return reply.send(http::error_response(500, "internal: the job is lost"));
        const bool without = job->error.empty() && job->state != JobState::kCompleted;
        reply.send(ok(without ? runpod::error_body("the job was cancelled") : bare_json(*job)));
      });
}

// ---- waiting

// When a held request is answered at the latest; nothing for a `wait` that is no number.
std::optional<JobRoutes::Deadline> JobRoutes::deadline(const http::Call& call,
                                                       std::optional<Deadline> otherwise) const {
  const auto text = http::query_parameter(call.request.query, "wait");
  if (!text) return otherwise ? *otherwise : clock_.now() + options_.default_wait;
  const auto wait = milliseconds_in(*text);
  if (!wait) return std::nullopt;
  return clock_.now() + std::clamp(*wait, options_.min_wait, options_.max_wait);
}

void JobRoutes::answer_when_final(const http::Call& call, const std::string& id, Deadline deadline,
                                  Style style) {
  book_.when(id, JobBook::Until::kFinal, deadline, call.request.lost,
             [this, id, style, reply = call.reply] {
               const auto job = book_.find(id);
               if (style == Style::kHosted) {
                 reply.send(job ? ok(status_json(*job, options_.worker_id)) : unknown_job(id));
               } else {
                 reply.send(job ? ok(development_json(*job)) : lost_job(id));
               }
             });
}

void JobRoutes::development_status(const http::Call& call) {
  const std::string& id = call.parameter("id");
  const auto until = deadline(call, Deadline::max());
  if (!until) return call.reply.send(http::error_response(400, "bad_request: wait is no number"));
  answer_when_final(call, id, *until, Style::kDevelopment);
}

void JobRoutes::development_stream(const http::Call& call) {
  const std::string id = call.parameter("id");
  book_.when(
      id, JobBook::Until::kFinal, Deadline::max(), call.request.lost,
      [this, id, reply = call.reply] {
        const auto job = book_.find(id);
        if (!job) return reply.send(lost_job(id));
        if (job->state != JobState::kCompleted) return reply.send(ok(development_json(*job)));
        if (!job->streamed && !options_.streaming_handler) {
          return reply.send(lost_job(id, "Stream not supported, handler must be a generator."));
        }
        const auto taken = book_.take_pieces(id);
        reply.send(taken ? ok(stream_json(*taken, /*with_id=*/true)) : lost_job(id));
      });
}

void JobRoutes::status_sync(const http::Call& call) {
  const auto until = deadline(call, std::nullopt);
  if (!until) return call.reply.send(http::error_response(400, "bad_request: wait is no number"));
  answer_when_final(call, call.parameter("id"), *until, Style::kHosted);
}

void JobRoutes::stream(const http::Call& call) {
  const std::string id = call.parameter("id");
  std::optional<Deadline> otherwise;
  if (call.request.header("User-Agent").value_or("").starts_with("python-requests/")) {
    otherwise = clock_.now() + options_.python_stream_wait;
  }
  const auto until = deadline(call, otherwise);
  if (!until) return call.reply.send(http::error_response(400, "bad_request: wait is no number"));
  // Whoever has closed its direction may be gone. Pieces are handed out once, so it gets none.
  const std::stop_token gone = call.request.gone;
  const auto answer_without = [this, id, reply = call.reply] {
    const auto job = book_.find(id);
    reply.send(job ? ok(stream_json(*job, /*with_id=*/false)) : unknown_job(id));
  };
  const auto guard =
      std::make_shared<std::stop_callback<decltype(answer_without)>>(gone, answer_without);
  book_.when(id, JobBook::Until::kPiecesOrFinal, *until, gone,
             [this, id, gone, guard, reply = call.reply] {
               if (gone.stop_requested()) return;
               const auto job = book_.take_pieces(id);
               reply.send(job ? ok(stream_json(*job, /*with_id=*/false)) : unknown_job(id));
             });
}

// ---- jobs that are there

void JobRoutes::status(const http::Call& call) {
  const std::string& id = call.parameter("id");
  const auto job = book_.find(id);
  if (!job) return call.reply.send(unknown_job(id));
  if (const auto text = http::query_parameter(call.request.query, "ttl")) {
    const auto ttl = milliseconds_in(*text);
    if (!ttl || ttl->count() < 0 || *ttl > options_.max_policy) {
      return call.reply.send(
          http::error_response(400, "bad_request: ttl is no number of milliseconds"));
    }
    book_.forget(id, *ttl);
  }
  call.reply.send(ok(status_json(*job, options_.worker_id)));
}

void JobRoutes::cancel(const http::Call& call) {
  const std::string& id = call.parameter("id");
  const auto job = book_.cancel(id);
  call.reply.send(
      job ? http::json_response(200, Json{{"id", id}, {"status", job_state_name(job->state)}})
          : unknown_job(id));
}

void JobRoutes::retry(const http::Call& call) {
  const std::string& id = call.parameter("id");
  switch (book_.retry(id)) {
    case Retried::kYes:
      return call.reply.send(http::json_response(200, Json{{"id", id}, {"status", "IN_QUEUE"}}));
    case Retried::kUnknown:
      return call.reply.send(unknown_job(id));
    case Retried::kFull:
      return call.reply.send(queue_full());
    case Retried::kClosed:
      return call.reply.send(closing());
    case Retried::kNotFailed:
      break;
  }
  call.reply.send(http::error_response(
      400, "bad_request: only a job that is FAILED or TIMED_OUT can be retried"));
}

void JobRoutes::purge(const http::Call& call) {
  call.reply.send(
      http::json_response(200, Json{{"removed", book_.purge()}, {"status", "completed"}}));
}

Json JobRoutes::health(const Workers& workers) const {
  const JobCounts counts = book_.counts();
  const bool up = !workers.loading && !workers.broken;
  const int busy = up && counts.running > 0 ? 1 : 0;
  const int idle = up && counts.running == 0 ? 1 : 0;
  return {{"jobs",
           {{"completed", counts.completed},
            {"failed", counts.failed},
            {"inProgress", counts.running},
            {"inQueue", counts.queued},
            {"retried", counts.retried}}},
          {"workers",
           {{"idle", idle},
            {"initializing", workers.loading ? 1 : 0},
            {"ready", idle},
            {"running", busy},
            {"throttled", 0},
            {"unhealthy", workers.broken ? 1 : 0}}}};
}

}  // namespace echo::server
