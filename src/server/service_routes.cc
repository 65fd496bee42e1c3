#include "server/service_routes.h"

#include <utility>

#include "http/responses.h"
#include "server/openapi.h"
#include "server/studio_page.h"

namespace echo::server {
namespace {

http::Response documentation() {
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
}

http::Response to_the_studio() {
  http::Response response;
  response.status = 302;
  response.headers = {{"Location", "studio"}};
  return response;
}

}  // namespace

void ServiceRoutes::add_to(http::Router& router) {
  enum class Access { kVital, kOpen, kKey };
  const auto add = [&router](const std::string& pattern, Access access,
                             std::function<http::Response()> answer) {
    http::Route route{"GET", pattern, [answer = std::move(answer)](const http::Call& call) {
                        call.reply.send(answer());
                      }};
    route.open = access != Access::kKey;
    route.vital = access == Access::kVital;
    router.add(std::move(route));
  };
  // First: it may be any path, also one of those below.
  add(health_path_, Access::kVital, [this] { return ping(); });
  if (health_path_ != "/ping") add("/ping", Access::kVital, [this] { return ping(); });
  add("/ready", Access::kVital, [this] { return ready(); });
  add("/health", Access::kVital, [this] { return health(); });
  add("/v2/{endpoint}/health", Access::kVital,
      [this] { return http::json_response(200, numbers()); });
  add("/docs", Access::kOpen, documentation);
  add("/openapi.json", Access::kOpen, [this] { return http::json_response(200, openapi_); });
  if (parts_.studio_settings) {
    add("/studio", Access::kOpen, studio_page);
    add("/studio/settings", Access::kOpen,
        [this] { return http::json_response(200, parts_.studio_settings()); });
    add("/", Access::kOpen, to_the_studio);
  } else {
    add("/", Access::kOpen, documentation);
  }
  if (parts_.metrics != nullptr) add("/metrics", Access::kKey, [this] { return metrics(); });
}

http::Response ServiceRoutes::ping() const {
  switch (parts_.state.load()) {
    case ServerState::kLoading: {
      http::Response response;
      response.status = 204;
      return response;
    }
    case ServerState::kReady:
      return http::json_response(200, Json{{"status", "ready"}});
    case ServerState::kBroken:
      return http::error_response(500, "internal: broken");
    case ServerState::kDraining:
      break;
  }
  return http::error_response(503, "unavailable: draining");
}

http::Response ServiceRoutes::ready() const {
  const ServerState state = parts_.state;
  std::vector<std::string> reasons;
  if (state == ServerState::kLoading) reasons.push_back("the model is being loaded");
  if (state == ServerState::kBroken) reasons.push_back("the device or the process is broken");
  if (state == ServerState::kDraining) reasons.push_back("the process is about to end");
  if (parts_.work.counts().waiting >= parts_.capacity) reasons.push_back("the queue is full");
  if (parts_.problems) {
    for (std::string& problem : parts_.problems()) reasons.push_back(std::move(problem));
  }
  const bool ok = reasons.empty();
  return http::json_response(ok ? 200 : 503,
                             Json{{"status", ok ? "ready" : "not_ready"}, {"reasons", reasons}});
}

Json ServiceRoutes::numbers() const {
  const ServerState state = parts_.state;
  return parts_.jobs.health({state == ServerState::kLoading, state == ServerState::kBroken});
}

http::Response ServiceRoutes::health() const {
  constexpr const char* kNames[] = {"loading", "ready", "broken", "draining"};
  Json body = numbers();
  body["status"] = kNames[static_cast<int>(parts_.state.load())];
  return http::json_response(200, body);
}

http::Response ServiceRoutes::metrics() const {
  const WorkQueue::Counts counts = parts_.work.counts();
  parts_.metrics->set_queue_depth(static_cast<double>(counts.waiting));
  parts_.metrics->set_in_flight(static_cast<double>(counts.running));
  parts_.metrics->set_connections(static_cast<double>(parts_.connections()));
  http::Response response;
  response.headers = {{"Content-Type", std::string(Metrics::kContentType)}};
  response.body = parts_.metrics->text();
  return response;
}

}  // namespace echo::server
