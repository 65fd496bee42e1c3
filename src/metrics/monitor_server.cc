#include "metrics/monitor_server.h"

#include <algorithm>

#include "http/responses.h"

namespace echo {
namespace {

constexpr const char* kStateNames[] = {"loading", "ready", "draining"};

http::HttpServerOptions modest(http::HttpServerOptions options) {
  options.threads = 1;
  options.max_connections = std::min<std::size_t>(options.max_connections, 32);
  options.max_header_bytes = std::min<std::size_t>(options.max_header_bytes, 8 << 10);
  return options;
}

}  // namespace

MonitorServer::MonitorServer(http::HttpServerOptions options, Metrics& metrics)
    : metrics_(metrics) {
  http::HttpService& service = *this;
  server_ = std::make_unique<http::HttpServer>(modest(std::move(options)), service);
}

MonitorServer::~MonitorServer() { server_->stop(); }

http::Admission MonitorServer::admit(const http::Request& head) {
  http::Admission admission{std::nullopt, 1024, "monitor", /*vital=*/true};
  if (head.method != "GET" && head.method != "HEAD") {
    admission.refusal = http::detail_response(405, "Method Not Allowed");
    admission.refusal->headers.push_back({"Allow", "GET"});
  }
  return admission;
}

void MonitorServer::handle(http::Request request, http::Reply reply) {
  reply.send(answer(request));
}

http::Response MonitorServer::answer(const http::Request& request) const {
  const State state = state_;
  const Json body = {{"status", kStateNames[static_cast<int>(state)]}};
  http::Response response;
  if (request.path == "/metrics") {
    response.headers = {{"Content-Type", std::string(Metrics::kContentType)}};
    response.body = metrics_.text();
    return response;
  }
  if (request.path == "/health") return http::json_response(200, body);
  if (request.path != "/ping") return http::detail_response(404, "Not Found");
  if (state == State::kLoading) {
    response.status = 204;
    return response;
  }
  return http::json_response(state == State::kReady ? 200 : 503, body);
}

}  // namespace echo
