// What an operator may ask a worker that takes its jobs elsewhere: numbers, and whether it is
// ready.
#pragma once

#include <atomic>
#include <memory>

#include "http/http_server.h"
#include "metrics/metrics.h"

namespace echo {

// GET /metrics; GET /ping: 204 while loading, 200 when ready, 503 while draining; GET /health: 200
// as long as the process answers. Nothing there is secret and nothing can be changed, so no key is
// asked for. Threads: any.
class MonitorServer final : private http::HttpService {
 public:
  // Listens. `metrics` must outlive the server. Errors: as HttpServer's.
  MonitorServer(http::HttpServerOptions options, Metrics& metrics);
  ~MonitorServer() override;

  // Answers from now on. Once.
  void start() { server_->serve(); }
  int port() const { return server_->port(); }
  void set_ready() { state_ = State::kReady; }
  void set_draining() { state_ = State::kDraining; }

 private:
  enum class State { kLoading, kReady, kDraining };

  http::Admission admit(const http::Request& head) override;
  void handle(http::Request request, http::Reply reply) override;
  http::Response answer(const http::Request& request) const;

  Metrics& metrics_;
  std::atomic<State> state_{State::kLoading};
  std::unique_ptr<http::HttpServer> server_;  // last: it uses the others
};

}  // namespace echo
