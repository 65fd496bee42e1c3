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
  HealthService(const ServiceRoutes& service, std::string path)
      : service_(service), path_(std::move(path)) {}

  http::Admission admit(const http::Request&) override {
    return {std::nullopt, 1024, "health", /*vital=*/true};
  }
  void handle(http::Request request, http::Reply reply) override {
    const bool known = request.path == path_;
    reply.send(known ? service_.ping() : http::detail_response(404, "Not Found"));
  }

 private:
  const ServiceRoutes& service_;
  const std::string path_;
};

ApiServer::ApiServer(ServerOptions options, ServerParts parts)
    : options_(checked(std::move(options))),
      parts_(std::move(parts)),
      callers_({options_.api_keys, options_.allowed_hosts, options_.http.host, options_.public_url,
                options_.cross_origins}),
      speech_queue_(work_, options_.work.capacity, state_),
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
  openai_ = std::make_unique<OpenAiRoutes>(options_.openai, speech_queue_, parts_.metrics);
  large_bodies_ = std::make_unique<http::BackgroundThread>(kMaxLargeBodies);
  service_ = make_service_routes();
  service_->add_to(router_);
  job_routes_->add_to(router_);
  openai_->add_to(router_);
  if (parts_.files != nullptr) add_file_routes(router_, *parts_.files);
}

std::unique_ptr<ServiceRoutes> ApiServer::make_service_routes() {
  ApiDescription description = options_.description;
  description.endpoint_id = options_.routes.endpoint_id;
  description.keys = callers_.need_key();
  description.files = parts_.files != nullptr;
  description.studio = options_.studio;
  ServiceParts parts{.state = state_,
                     .work = work_,
                     .capacity = options_.work.capacity,
                     .jobs = *job_routes_,
                     .metrics = parts_.metrics,
                     .connections = [this] { return server_->connections(); },
                     .problems = parts_.problems,
                     .studio_settings = {}};
  if (options_.studio) {
    parts.studio_settings = [this] {
      const OpenAiOptions& openai = options_.openai;
      return studio_settings_json({openai_->defaults(), openai.orders.max_input_chars,
                                   openai.voice_uploads, openai.voice_bytes});
    };
  }
  return std::make_unique<ServiceRoutes>(std::move(parts), options_.health_path,
                                         openapi_document(description).dump(1));
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
    health_service_ = std::make_unique<HealthService>(*service_, options_.health_path);
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
  ServerState loading = ServerState::kLoading;
  state_.compare_exchange_strong(loading, ServerState::kReady);
}

void ApiServer::set_broken(const std::string& reason) {
  if (state_.exchange(ServerState::kBroken) == ServerState::kBroken) return;
  parts_.logger.error("The API takes no more jobs. | " + reason);
  work_.refuse_waiting("internal: " + reason);
}

void ApiServer::shutdown(std::chrono::milliseconds patience) {
  ServerState expected = ServerState::kReady;
  if (!state_.compare_exchange_strong(expected, ServerState::kDraining)) {
    expected = ServerState::kLoading;
    state_.compare_exchange_strong(expected, ServerState::kDraining);
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
