// What is asked about the server itself: whether it lives, whether it is ready, its numbers, its
// documentation, its page.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "http/router.h"
#include "metrics/metrics.h"
#include "server/job_routes.h"
#include "server/server_state.h"
#include "server/work_queue.h"

namespace echo::server {

// What the answers follow from. All must outlive the routes; functions are called on the HTTP
// server's threads and must be quick.
struct ServiceParts {
  const std::atomic<ServerState>& state;
  const WorkQueue& work;
  size_t capacity = 0;  // of the queue
  const JobRoutes& jobs;
  Metrics* metrics = nullptr;                          // null: no /metrics
  std::function<size_t()> connections;                 // that are open
  std::function<std::vector<std::string>()> problems;  // why /ready says no; may be empty
  std::function<Json()> studio_settings;               // empty: no /studio
};

// Threads: any.
class ServiceRoutes {
 public:
  // `openapi`: the description of the whole API, JSON text. `health_path`: where ping() is asked
  // for, beside /ping.
  ServiceRoutes(ServiceParts parts, std::string health_path, std::string openapi)
      : parts_(std::move(parts)),
        health_path_(std::move(health_path)),
        openapi_(std::move(openapi)) {}

  // To be called before other routes are added: `health_path` may be any path. The routes must
  // outlive the router's use.
  void add_to(http::Router& router);

  // Returns the answer to a load balancer: 204 while loading, 200 when ready, 500 when broken, 503
  // while draining.
  http::Response ping() const;

 private:
  http::Response ready() const;
  Json numbers() const;
  http::Response health() const;
  http::Response metrics() const;

  const ServiceParts parts_;
  const std::string health_path_;
  const std::string openapi_;
};

}  // namespace echo::server
