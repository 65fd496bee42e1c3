// The local API: one object that listens, queues jobs, runs a handler and answers for it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "http/background_thread.h"
#include "http/http_server.h"
#include "http/router.h"
#include "job/handler.h"
#include "metrics/metrics.h"
#include "net/directory_store.h"
#include "net/http_client.h"
#include "server/callers.h"
#include "server/job_book.h"
#include "server/job_routes.h"
#include "server/openai_routes.h"
#include "server/openapi.h"
#include "server/service_routes.h"
#include "server/speech_queue.h"
#include "server/webhook_sender.h"

namespace echo::server {

struct ServerOptions {
  http::HttpServerOptions http;  // host and port, limits on connections

  // A second port for health checks alone; nothing: the first answers them.
  std::optional<int> health_port;
  std::string health_path = "/ping";  // 204 while loading, 200 when ready, 500 when broken

  std::vector<std::string> api_keys;  // empty: none is needed
  // Without keys: the names, beside addresses, this machine's own, `public_url`'s and the one that
  // is listened on, by which clients may call the server; ".example.org" stands for all below it,
  // "*" for every name.
  std::vector<std::string> allowed_hosts;
  // "https://host": where links point to, and a name under which clients know the server; empty:
  // host and port.
  std::string public_url;

  WorkQueueOptions work;
  JobBookOptions jobs;
  JobRouteOptions routes;
  OpenAiOptions openai;
  bool studio = true;  // the page of /studio is served
  // Sites whose pages may use the API from a browser: "https://host", or "*" for all.
  std::vector<std::string> cross_origins;
  WebhookOptions webhooks;
  ApiDescription description;  // endpoint_id, keys and files are filled in
};

// A load balancer's worker: listens to everyone on `port`, is asked about its health on
// `health_port` under `health_path`.
ServerOptions load_balancer_options(ServerOptions options, int port, int health_port,
                                    const std::string& health_path);

// What the server works with. All must outlive it.
struct ServerParts {
  Logger& logger;
  HttpClient* http = nullptr;       // posts webhooks; null: none are sent
  DirectoryStore* files = nullptr;  // served under /files; null: not
  Metrics* metrics = nullptr;       // null: no /metrics
  Clock& clock = real_clock();
  std::function<void(const std::string& reason)> fatal = {};  // a job broke the device
  std::function<std::vector<std::string>()> problems = {};    // why /ready says no; must be quick
};

// Any thread may call any function.
class ApiServer final : private http::HttpService {
 public:
  // Throws kInvalidArgument for options that contradict each other or that no server can have.
  ApiServer(ServerOptions options, ServerParts parts);
  // Cancels everything at hand.
  ~ApiServer() override;

  // Takes more routes, before start().
  http::Router& router() { return router_; }

  // Listens and answers from now on, on threads of the server's own; jobs wait until set_ready().
  // Throws what HttpServer throws.
  void start();
  // Return the ports that are listened on, once started.
  int port() const;
  int health_port() const;
  std::string url() const;  // "http://127.0.0.1:8000", or public_url
  // Returns a sentence for the log at the start: who may call, and with what.
  std::string openness() const { return callers_.description(port()); }

  // Begins to do work, at least `concurrency` units of it at once. Call it once.
  void set_ready(Handler handler, int concurrency = 0);
  // Begins to answer OpenAI's routes with what `speech` makes, which must outlive the server.
  // Voices are added to and removed from `uploads`, which may be null. Call it once.
  void set_speech(LiveSpeech& speech, VoiceUploads* uploads = nullptr) {
    openai_->set_ready(speech, uploads);
  }
  // Gives up: the jobs that wait fail with `reason`, new ones are refused.
  void set_broken(const std::string& reason);

  // Takes no new jobs, lets those at hand finish for up to `patience`, cancels the rest, tells
  // whoever waits for them, and stops.
  void shutdown(std::chrono::milliseconds patience);

  JobBook& jobs() { return *jobs_; }
  // What jobs and streams take their turns in.
  WorkQueue& work() { return work_; }

 private:
  class HealthService;

  http::Admission admit(const http::Request& head) override;
  void handle(http::Request request, http::Reply reply) override;
  http::Response refusal(const http::Request& head, int status, std::string_view text) override;
  void answered(const std::string& label, const std::string& method, int status,
                std::chrono::duration<double> time) override;

  std::unique_ptr<ServiceRoutes> make_service_routes();
  void count(const JobView& job);
  std::optional<http::Response> refuse_head(const http::Request& head,
                                            const http::RouteMatch& match) const;

  const ServerOptions options_;
  ServerParts parts_;
  std::atomic<ServerState> state_{ServerState::kLoading};
  const Callers callers_;
  http::Router router_;
  std::unique_ptr<WebhookSender> webhooks_;
  SpeechQueue speech_queue_;
  std::unique_ptr<OpenAiRoutes> openai_;  // what runs in the queue uses it
  WorkQueue work_;
  std::unique_ptr<JobBook> jobs_;
  std::unique_ptr<JobRoutes> job_routes_;
  std::unique_ptr<ServiceRoutes> service_;
  std::unique_ptr<http::BackgroundThread> large_bodies_;
  std::unique_ptr<HealthService> health_service_;
  std::unique_ptr<http::HttpServer> health_server_;
  std::unique_ptr<http::HttpServer> server_;
};

}  // namespace echo::server
