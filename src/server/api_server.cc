#include "server/api_server.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/error.h"
#include "base/uuid.h"
#include "net/url.h"
#include "server/answers.h"
#include "server/file_routes.h"
#include "server/studio_page.h"

namespace echo::server {
namespace {

ServerOptions checked(ServerOptions options) {
  if (!options.health_path.starts_with('/') || options.health_path.find('{') != std::string::npos) {
    throw_invalid("the health check path must begin with '/' and have no braces");
  }
  while (options.public_url.ends_with('/')) options.public_url.pop_back();
  if (!options.public_url.empty()) {
    const Url url = parse_url(options.public_url);
    // Clients would ask for another path than the links name.
    if (const std::string found = url.path == "/" ? "" : unstable_segment(url.path.substr(1));
        !found.empty()) {
      throw_invalid("ECHO_PUBLIC_URL: its path has " + found);
    }
  }
  return options;
}

constexpr std::chrono::seconds kCancelGrace{5};  // for handlers to see that they are not wanted
constexpr size_t kLargeBody = 64 << 10;          // bytes
constexpr size_t kMaxLargeBodies = 8;            // that wait to be looked at
constexpr size_t kMaxCountedOutput = 256 << 10;  // bytes: results of speech are small

// Why there is no place in the queue.
OpenAiError speech_refusal(Added added) {
  if (added == Added::kClosed) return {503, "The server is about to end.", "draining"};
  return {429, "Too many requests wait, try again later.", "queue_full"};
}

}  // namespace

ServerOptions load_balancer_options(ServerOptions options, int port, int health_port,
                                    const std::string& health_path) {
  options.http.host = "0.0.0.0";
  options.http.port = port;
  options.health_port.reset();
  if (health_port != port) options.health_port = health_port;
  options.health_path = health_path;
  return options;
}

// The port for health checks: one path and nothing else.
class ApiServer::HealthService final : public http::HttpService {
 public:
  explicit HealthService(const ApiServer& server) : server_(server) {}

  http::Admission admit(const http::Request&) override {
    return {std::nullopt, 1024, "health", /*vital=*/true};
  }
  void handle(http::Request request, http::Reply reply) override {
    const bool known = request.path == server_.options_.health_path;
    reply.send(known ? server_.ping() : http::detail_response(404, "Not Found"));
  }

 private:
  const ApiServer& server_;
};

ApiServer::ApiServer(ServerOptions options, ServerParts parts)
    : options_(checked(std::move(options))),
      parts_(std::move(parts)),
      callers_({options_.api_keys, options_.allowed_hosts, options_.http.host, options_.public_url,
                options_.cross_origins}),
      work_(options_.work) {
  if (parts_.http != nullptr) {
    webhooks_ = std::make_unique<WebhookSender>(options_.webhooks, *parts_.http, parts_.logger);
  }
  jobs_ = std::make_unique<JobBook>(options_.jobs,
                                    JobBook::Hooks{[this](const JobView& job) { count(job); },
                                                   [this](const std::string& reason) {
                                                     set_broken(reason);
                                                     if (parts_.fatal) parts_.fatal(reason);
                                                   }},
                                    work_, parts_.logger, parts_.clock);
  job_routes_ = std::make_unique<JobRoutes>(options_.routes, *jobs_, webhooks_.get(), parts_.clock);
  openai_ = std::make_unique<OpenAiRoutes>(
      options_.openai, [this](SpeechWork work) { submit_speech(std::move(work)); },
      [this] { check_speech_room(); }, parts_.metrics);
  large_bodies_ = std::make_unique<http::BackgroundThread>(kMaxLargeBodies);
  add_service_routes();
  job_routes_->add_to(router_);
  openai_->add_to(router_);
  if (parts_.files != nullptr) add_file_routes(router_, *parts_.files);

  ApiDescription description = options_.description;
  description.endpoint_id = options_.routes.endpoint_id;
  description.keys = callers_.need_key();
  description.files = parts_.files != nullptr;
  description.studio = options_.studio;
  openapi_ = openapi_document(description).dump(1);
}

ApiServer::~ApiServer() {
  // Nobody may ask any more when the queue goes.
  if (server_) server_->stop();
  if (health_server_) health_server_->stop();
}

void ApiServer::start() {
  http::HttpService& service = *this;
  server_ = std::make_unique<http::HttpServer>(options_.http, service);
  if (options_.health_port) {
    http::HttpServerOptions http = options_.http;
    http.port = *options_.health_port;
    http.threads = 1;
    http.max_header_bytes = std::min<std::size_t>(http.max_header_bytes, 4 << 10);
    health_service_ = std::make_unique<HealthService>(*this);
    health_server_ = std::make_unique<http::HttpServer>(http, *health_service_);
  }
  if (parts_.files != nullptr) parts_.files->set_base_url(url() + "/files");
  server_->serve();
  if (health_server_) health_server_->serve();
}

int ApiServer::port() const { return server_->port(); }

int ApiServer::health_port() const {
  return health_server_ ? health_server_->port() : server_->port();
}

std::string ApiServer::url() const {
  if (!options_.public_url.empty()) return options_.public_url;
  std::string host = options_.http.host;
  if (host == "0.0.0.0" || host == "::") host = "127.0.0.1";
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return "http://" + host + ":" + std::to_string(port());
}

void ApiServer::set_ready(Handler handler, int concurrency) {
  jobs_->set_handler(std::move(handler));
  work_.open(concurrency);
  State loading = State::kLoading;
  state_.compare_exchange_strong(loading, State::kReady);
}

void ApiServer::set_broken(const std::string& reason) {
  if (state_.exchange(State::kBroken) == State::kBroken) return;
  parts_.logger.error("The API takes no more jobs. | " + reason);
  work_.refuse_waiting("internal: " + reason);
}

void ApiServer::shutdown(std::chrono::milliseconds patience) {
  State expected = State::kReady;
  if (!state_.compare_exchange_strong(expected, State::kDraining)) {
    expected = State::kLoading;
    state_.compare_exchange_strong(expected, State::kDraining);
  }
  const auto deadline = std::chrono::steady_clock::now() + patience;
  const auto left = [&] {
    return std::max(std::chrono::milliseconds(1000),
                    std::chrono::duration_cast<std::chrono::milliseconds>(
                        deadline - std::chrono::steady_clock::now()));
  };
  work_.close();
  if (!work_.wait_idle(patience)) {
    jobs_->cancel_all();
    work_.stop_all("unavailable: the process ends");
    work_.wait_idle(kCancelGrace);
  }
  if (webhooks_) webhooks_->flush(left());
  if (server_) server_->drain(left());
  if (health_server_) health_server_->stop();
}

// ---- HttpService

http::Admission ApiServer::admit(const http::Request& head) {
  const http::RouteMatch match = router_.match(head.method, head.path);
  http::Admission admission;
  if (match.route != nullptr) {
    admission.label = match.route->pattern;
    admission.body_limit = match.route->body_limit;
    admission.vital = match.route->vital;
  }
  if (is_openai_path(head.path)) {
    admission.request_id = "req_" + random_uuid();
    admission.headers.push_back({"x-request-id", admission.request_id});
  }
  if (const auto origin = head.header("Origin");
      origin && callers_.cross_origin().allows(*origin)) {
    for (HttpHeader& header : callers_.cross_origin().headers(*origin)) {
      admission.headers.push_back(std::move(header));
    }
    if (http::CrossOrigin::is_preflight(head)) {
      admission.refusal = http::CrossOrigin::preflight(head);
      return admission;
    }
  }
  admission.refusal = refuse_head(head, match);
  return admission;
}

std::optional<http::Response> ApiServer::refuse_head(const http::Request& head,
                                                     const http::RouteMatch& match) const {
  const auto refused = [&](int status, http::Response otherwise) {
    if (!is_openai_path(head.path)) return otherwise;
    return openai_refusal(status, head.method, head.path).response();
  };
  if (match.route == nullptr || !match.route->open) {
    if (const auto no = callers_.refusal(head)) {
      return refused(no->status, http::error_response(no->status, no->text));
    }
  }
  if (match.route != nullptr) {
    return match.route->refusal ? match.route->refusal(head) : std::nullopt;
  }
  if (match.allowed.empty()) return refused(404, http::detail_response(404, "Not Found"));
  http::Response response = refused(405, http::detail_response(405, "Method Not Allowed"));
  std::string methods;
  for (const std::string& method : match.allowed) {
    methods += (methods.empty() ? "" : ", ") + method;
  }
  response.headers.push_back({"Allow", methods});
  return response;
}

http::Response ApiServer::refusal(const http::Request& head, int status, std::string_view text) {
  if (!is_openai_path(head.path)) return http::error_response(status, text);
  return openai_refusal(status, head.method, head.path).response();
}

void ApiServer::handle(http::Request request, http::Reply reply) {
  http::RouteMatch match = router_.match(request.method, request.path);
  const bool large = request.body.size() > kLargeBody;
  http::Call call{std::move(request), std::move(match.parameters), std::move(reply)};
  if (!large) return match.route->handler(std::move(call));
  // Reading it as JSON takes long enough for a health check to be late.
  const http::Reply answer = call.reply;
  http::Request head;
  head.path = call.request.path;
  const auto shared = std::make_shared<http::Call>(std::move(call));
  const bool taken = large_bodies_->post([this, head, route = match.route, shared] {
    try {
      route->handler(std::move(*shared));
    } catch (const std::exception&) {
      shared->reply.send(refusal(head, 500, "internal: the request could not be handled"));
    }
  });
  if (!taken) answer.send(refusal(head, 503, "server_busy: too much is being uploaded"));
}

void ApiServer::answered(const std::string& label, const std::string& method, int status,
                         std::chrono::duration<double> time) {
  if (parts_.metrics != nullptr) parts_.metrics->http_answered(label, method, status, time.count());
}

// ---- the service itself

void ApiServer::add_get(const std::string& pattern, Access access,
                        std::function<http::Response()> answer) {
  http::Route route{"GET", pattern, [answer = std::move(answer)](const http::Call& call) {
                      call.reply.send(answer());
                    }};
  route.open = access != Access::kKey;
  route.vital = access == Access::kVital;
  router_.add(std::move(route));
}

void ApiServer::add_service_routes() {
  const auto page = [] {
    http::Response response;
    response.headers = {{"Content-Type", "text/html; charset=utf-8"},
                        {"Content-Security-Policy",
                         "default-src 'none'; script-src 'unsafe-inline'; style-src "
                         "'unsafe-inline'; connect-src 'self'; media-src blob:; base-uri 'none'; "
                         "form-action 'none'; frame-ancestors 'none'"},
                        {"X-Content-Type-Options", "nosniff"},
                        {"Referrer-Policy", "no-referrer"}};
    response.body = docs_page();
    return response;
  };
  // First: it may be any path, also one of those below.
  add_get(options_.health_path, Access::kVital, [this] { return ping(); });
  if (options_.health_path != "/ping") add_get("/ping", Access::kVital, [this] { return ping(); });
  add_get("/ready", Access::kVital, [this] { return ready(); });
  add_get("/health", Access::kVital, [this] {
    Json body = health();
    constexpr const char* kNames[] = {"loading", "ready", "broken", "draining"};
    body["status"] = kNames[static_cast<int>(state_.load())];
    return http::json_response(200, body);
  });
  add_get("/v2/{endpoint}/health", Access::kVital,
          [this] { return http::json_response(200, health()); });
  add_get("/docs", Access::kOpen, page);
  if (options_.studio) {
    add_get("/studio", Access::kOpen, studio_page);
    add_get("/studio/settings", Access::kOpen, [this] {
      const OpenAiOptions& openai = options_.openai;
      return http::json_response(
          200, studio_settings_json({openai_->defaults(), openai.orders.max_input_chars,
                                     openai.voice_uploads, openai.voice_bytes}));
    });
    add_get("/", Access::kOpen, [] {
      http::Response response;
      response.status = 302;
      response.headers = {{"Location", "studio"}};
      return response;
    });
  } else {
    add_get("/", Access::kOpen, page);
  }
  add_get("/openapi.json", Access::kOpen, [this] { return http::json_response(200, openapi_); });
  if (parts_.metrics == nullptr) return;
  add_get("/metrics", Access::kKey, [this] {
    const WorkQueue::Counts counts = work_.counts();
    parts_.metrics->set_queue_depth(static_cast<double>(counts.waiting));
    parts_.metrics->set_in_flight(static_cast<double>(counts.running));
    parts_.metrics->set_connections(static_cast<double>(server_->connections()));
    http::Response response;
    response.headers = {{"Content-Type", std::string(Metrics::kContentType)}};
    response.body = parts_.metrics->text();
    return response;
  });
}

http::Response ApiServer::ping() const {
  const State state = state_;
  if (state == State::kLoading) {
    http::Response response;
    response.status = 204;
    return response;
  }
  if (state == State::kReady) return http::json_response(200, Json{{"status", "ready"}});
  return http::error_response(state == State::kBroken ? 500 : 503, state == State::kBroken
                                                                       ? "internal: broken"
                                                                       : "unavailable: draining");
}

http::Response ApiServer::ready() const {
  const State state = state_;
  std::vector<std::string> reasons;
  if (state == State::kLoading) reasons.push_back("the model is being loaded");
  if (state == State::kBroken) reasons.push_back("the device or the process is broken");
  if (state == State::kDraining) reasons.push_back("the process is about to end");
  if (work_.counts().waiting >= options_.work.capacity) reasons.push_back("the queue is full");
  if (parts_.problems) {
    for (std::string& problem : parts_.problems()) reasons.push_back(std::move(problem));
  }
  const bool ok = reasons.empty();
  return http::json_response(ok ? 200 : 503,
                             Json{{"status", ok ? "ready" : "not_ready"}, {"reasons", reasons}});
}

Json ApiServer::health() const {
  const State state = state_;
  return job_routes_->health({state == State::kLoading, state == State::kBroken});
}

void ApiServer::check_speech_room() const {
  if (state_ == State::kBroken) {
    throw OpenAiError(503, "The device or the process is broken.", "device_broken");
  }
  if (work_.closed()) throw speech_refusal(Added::kClosed);
  if (work_.counts().waiting >= options_.work.capacity) throw speech_refusal(Added::kFull);
}

// It takes turns with the jobs, and its result is not kept.
void ApiServer::submit_speech(SpeechWork speech) {
  check_speech_room();
  const auto shared = std::make_shared<SpeechWork>(std::move(speech));
  const auto asked = std::chrono::steady_clock::now();
  Work work;
  work.run = [shared, asked](const std::stop_token& stop) {
    const std::chrono::duration<double> waited = std::chrono::steady_clock::now() - asked;
    shared->run(stop, waited.count());
  };
  work.refused = [this, shared](const std::string&) {
    const bool broken = state_ == State::kBroken;
    shared->refuse({503, broken ? "The device or the process is broken." : "The server ends.",
                    broken ? "device_broken" : "draining"});
  };
  WorkQueue::Ticket ticket;
  const Added added = work_.add(std::move(work), &ticket);
  if (added != Added::kYes) throw speech_refusal(added);
  // Whoever has gone away gives the place in the queue to the others.
  const std::weak_ptr<WorkQueue::Unit> unit = ticket;
  const auto withdraw = [this, unit] {
    if (const WorkQueue::Ticket waiting = unit.lock()) work_.withdraw(waiting);
  };
  shared->withdraw =
      std::make_shared<std::stop_callback<decltype(withdraw)>>(shared->gone, withdraw);
}

void ApiServer::count(const JobView& job) {
  if (parts_.metrics == nullptr) return;
  const auto spent = job.delay.value_or(std::chrono::milliseconds(0)) +
                     job.execution.value_or(std::chrono::milliseconds(0));
  parts_.metrics->request_finished(std::string(job_kind_name(job.kind)), job.format,
                                   lower(job_state_name(job.state)),
                                   std::chrono::duration<double>(spent).count());
  if (job.state == JobState::kCancelled) parts_.metrics->cancelled("client");
  if (job.state == JobState::kTimedOut) parts_.metrics->cancelled("timeout");
}

}  // namespace echo::server
