#include "server/api_server.h"

#include <algorithm>
#include <cctype>

#include "base/digest.h"
#include "base/error.h"
#include "base/uuid.h"
#include "net/url.h"
#include "server/answers.h"
#include "server/file_routes.h"

namespace echo::server {
namespace {

// Lower case, for labels: "completed".
std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

ServerOptions checked(ServerOptions options) {
  if (!options.health_path.starts_with('/') || options.health_path.find('{') != std::string::npos) {
    throw_invalid("the health check path must begin with '/' and have no braces");
  }
  while (options.public_url.ends_with('/')) options.public_url.pop_back();
  if (!options.public_url.empty()) parse_url(options.public_url);
  return options;
}

// "host:port" of "http://host:port"; empty for anything else.
std::string_view authority(std::string_view origin) {
  const size_t scheme = origin.find("://");
  if (scheme == std::string_view::npos) return {};
  origin.remove_prefix(scheme + 3);
  return origin.substr(0, origin.find('/'));
}

// Whether a host is named by its address, or is this machine by name: such a name cannot be made to
// point here by someone else's name server.
bool names_this_machine(std::string_view host) {
  if (host.starts_with('[')) return true;
  host = host.substr(0, host.rfind(':'));
  if (host == "localhost" || host.ends_with(".localhost")) return true;
  return host.find_first_not_of("0123456789.") == std::string_view::npos;
}

constexpr std::chrono::seconds kCancelGrace{5};      // for handlers to see that they are not wanted
constexpr size_t kLargeBody = 64 << 10;              // bytes
constexpr size_t kMostLargeBodies = 8;               // that wait to be looked at
constexpr size_t kLargestCountedOutput = 256 << 10;  // bytes: results of speech are small

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

  http::Admission admit(const http::Request&) override { return {std::nullopt, 1024, "health"}; }
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
      cross_origin_(options_.cross_origins),
      work_(options_.work) {
  for (const std::string& key : options_.api_keys) {
    if (!key.empty()) key_digests_.push_back(digest(DigestKind::kSha256, key));
  }
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
      options_.openai, [this](SpeechWork work) { submit_speech(std::move(work)); }, parts_.metrics);
  large_bodies_ = std::make_unique<http::BackgroundThread>(kMostLargeBodies);
  add_service_routes();
  job_routes_->add_to(router_);
  openai_->add_to(router_);
  if (parts_.files != nullptr) add_file_routes(router_, *parts_.files);

  ApiDescription description = options_.description;
  description.endpoint_id = options_.routes.endpoint_id;
  description.keys = !key_digests_.empty();
  description.files = parts_.files != nullptr;
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

bool ApiServer::allowed(const http::Request& head) const {
  std::string_view key = head.header("Authorization").value_or("");
  if (key.starts_with("Bearer ")) key.remove_prefix(7);
  const std::string given = digest(DigestKind::kSha256, key);
  bool found = false;
  for (const std::string& known : key_digests_) found |= equal_in_constant_time(given, known);
  return found;
}

// Without keys any page that the user visits could start jobs here, or read their results under a
// name that its owner points to this machine.
bool ApiServer::foreign(const http::Request& head) const {
  const std::string_view host = head.header("Host").value_or("");
  const std::string_view known = authority(options_.public_url);
  if (const auto origin = head.header("Origin"); origin && head.method != "GET") {
    const std::string_view site = authority(*origin);
    const bool same = !site.empty() && (site == host || site == known);
    if (!same && !cross_origin_.allows(*origin)) return true;
  }
  const bool local = options_.http.host == "localhost" || options_.http.host == "::1" ||
                     options_.http.host.starts_with("127.");
  return local && !host.empty() && host != known && !names_this_machine(host);
}

http::Admission ApiServer::admit(const http::Request& head) {
  const http::RouteMatch match = router_.match(head.method, head.path);
  http::Admission admission;
  if (match.route != nullptr) {
    admission.label = match.route->pattern;
    admission.body_limit = match.route->body_limit;
  }
  if (is_openai_path(head.path)) {
    admission.request_id = "req_" + random_uuid();
    admission.headers.push_back({"x-request-id", admission.request_id});
  }
  if (const auto origin = head.header("Origin"); origin && cross_origin_.allows(*origin)) {
    for (HttpHeader& header : cross_origin_.headers(*origin)) {
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
  const bool open = match.route != nullptr && match.route->open;
  if (!key_digests_.empty() && !open) {
    if (!allowed(head)) {
      return refused(401, http::error_response(401, "unauthorized: a valid API key is needed"));
    }
  } else if (!open && foreign(head)) {
    return refused(403,
                   http::error_response(403, "forbidden: a request from a page of another site"));
  }
  if (match.route != nullptr) return std::nullopt;
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

void ApiServer::add_get(const std::string& pattern, bool open,
                        std::function<http::Response()> answer) {
  http::Route route{"GET", pattern, [answer = std::move(answer)](const http::Call& call) {
                      call.reply.send(answer());
                    }};
  route.open = open;
  router_.add(std::move(route));
}

void ApiServer::add_service_routes() {
  const auto page = [] {
    http::Response response;
    response.headers = {{"Content-Type", "text/html; charset=utf-8"},
                        {"Content-Security-Policy",
                         "default-src 'none'; script-src 'unsafe-inline'; style-src "
                         "'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action "
                         "'none'; frame-ancestors 'none'"},
                        {"X-Content-Type-Options", "nosniff"},
                        {"Referrer-Policy", "no-referrer"}};
    response.body = docs_page();
    return response;
  };
  // First: it may be any path, also one of those below.
  add_get(options_.health_path, true, [this] { return ping(); });
  if (options_.health_path != "/ping") add_get("/ping", true, [this] { return ping(); });
  add_get("/ready", true, [this] { return ready(); });
  add_get("/health", true, [this] {
    Json body = health();
    constexpr const char* kNames[] = {"loading", "ready", "broken", "draining"};
    body["status"] = kNames[static_cast<int>(state_.load())];
    return http::json_response(200, body);
  });
  add_get("/v2/{endpoint}/health", true, [this] { return http::json_response(200, health()); });
  add_get("/", true, page);
  add_get("/docs", true, page);
  add_get("/openapi.json", true, [this] { return http::json_response(200, openapi_); });
  if (parts_.metrics == nullptr) return;
  add_get("/metrics", false, [this] {
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

// It takes turns with the jobs, and its result is not kept.
void ApiServer::submit_speech(SpeechWork speech) {
  if (state_ == State::kBroken) {
    throw OpenAiError(503, "The device or the process is broken.", "device_broken");
  }
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
  switch (work_.add(std::move(work), &ticket)) {
    case Added::kYes:
      break;
    case Added::kFull:
      throw OpenAiError(429, "Too many requests wait, try again later.", "queue_full");
    case Added::kClosed:
      throw OpenAiError(503, "The server is about to end.", "draining");
  }
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
  Json output;
  if (job.output && job.output->size() <= kLargestCountedOutput) {
    output = Json::parse(*job.output, nullptr, /*allow_exceptions=*/false);
  }
  parts_.metrics->job_finished(std::string(job_kind_name(job.kind)),
                               lower(job_state_name(job.state)),
                               std::chrono::duration<double>(spent).count(), output);
  if (job.state == JobState::kCancelled) parts_.metrics->cancelled("client");
  if (job.state == JobState::kTimedOut) parts_.metrics->cancelled("timeout");
}

}  // namespace echo::server
