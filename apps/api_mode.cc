#include "apps/api_mode.h"

#include <unistd.h>
#include <algorithm>

#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "apps/command.h"
#include "apps/openai_settings.h"
#include "apps/speech_metrics.h"
#include "base/error.h"
#include "metrics/metrics.h"
#include "net/directory_store.h"
#include "runpod/shutdown_signals.h"
#include "server/api_keys.h"
#include "server/api_server.h"
#include "speech/input_schema.h"

namespace echo::apps {
namespace {

server::ServerOptions server_options(const WorkerProcess& process,
                                     const Environment& environment) {
  server::ServerOptions server;
  server.http.host = process.arguments.api_host;
  server.http.port = process.arguments.api_port;
  // Not trimmed: blanks alone were meant to be a key.
  server.api_keys = server::parse_api_keys(environment.raw("ECHO_API_KEYS"));
  server.allowed_hosts = server::parse_allowed_hosts(environment.text("ECHO_ALLOWED_HOSTS"));
  // Behind the platform's own door clients call it by names that only the platform knows.
  const bool behind_a_door =
      process.mode == runpod::Mode::kLoadBalancer || process.mode == runpod::Mode::kRealtimeApi;
  if (behind_a_door && server.allowed_hosts.empty()) server.allowed_hosts = {"*"};
  server.public_url = environment.text("ECHO_PUBLIC_URL");
  server.work.slots = static_cast<int>(
      std::max<size_t>({1, process.system.max_requests,
                        static_cast<size_t>(std::max(1, process.arguments.api_concurrency))}));
  server.work.capacity =
      static_cast<size_t>(environment.integer("ECHO_QUEUE_CAPACITY", 100, 1, 100'000));
  server.jobs.identity = {process.worker.hostname, process.worker.worker_id,
                          process.worker.protocol_version};
  server.openai = openai_options_of(environment);
  // Whoever reaches the server may add voices where a key was asked for, or nobody else reaches it.
  server.openai.voice_uploads = is_on(
      environment, "ECHO_VOICE_UPLOADS",
      !behind_a_door && (!server.api_keys.empty() || server::is_local_address(server.http.host)));
  server.studio = is_on(environment, "ECHO_STUDIO", true);
  server.cross_origins = list_of(environment.text("ECHO_CORS_ORIGINS"));
  server.routes.endpoint_id = process.worker.endpoint_id;
  server.routes.worker_id = process.worker.worker_id;
  server.webhooks.public_hosts_only = environment.text("ECHO_ALLOW_PRIVATE_WEBHOOKS") != "true";
  server.description.version = ECHO_VERSION;
  server.description.input_schema = speech_input_schema();
  if (process.mode == runpod::Mode::kRealtimeApi) {
    server.http.host = "0.0.0.0";
    server.http.port = process.worker.realtime_port;
  }
  if (process.mode == runpod::Mode::kLoadBalancer) {
    const int port = static_cast<int>(environment.integer("PORT", 80, 1, 65535));
    const int health_port = static_cast<int>(environment.integer("PORT_HEALTH", port, 1, 65535));
    server = server::load_balancer_options(std::move(server), port, health_port,
                                           environment.text("HEALTH_CHECK_PATH", "/ping"));
  }
  return server;
}

// Waits for the first reason to stop.
class StopReason {
 public:
  void stop(int exit_code) {
    const std::lock_guard lock(mutex_);
    if (!exit_code_) exit_code_ = exit_code;
    changed_.notify_all();
  }
  int wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return exit_code_.has_value(); });
    return *exit_code_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<int> exit_code_;
};

}  // namespace

void check_api_settings(const WorkerProcess& process, const Environment& environment) {
  server_options(process, environment);
}

int serve_api(WorkerProcess process, const Environment& environment, HttpClient& http,
              Logger& logger) {
  const int64_t patience = environment.integer("ECHO_DRAIN_SECONDS", 600, 0, 86'400);
  StopReason reason;
  std::stop_source loading;  // what a signal ends before the server is ready
  std::atomic<int> signals{0};
  const runpod::ShutdownSignals on_signal([&](int signal) {
    if (signals++ > 0) _exit(128 + signal);
    reason.stop(kSuccess);
    loading.request_stop();
  });

  std::unique_ptr<DirectoryStore> files;
  if (!process.system.storage_directory.empty()) {
    files = std::make_unique<DirectoryStore>(
        DirectoryStoreOptions{.directory = process.system.storage_directory,
                              .link_ttl = process.system.s3.presign_ttl,
                              .secret = environment.text("ECHO_LINK_SECRET")});
    process.system.store = files.get();
  }
  Metrics metrics;
  observe(process.system, metrics);
  std::unique_ptr<SpeechSystem> system;
  const server::ServerOptions settings = server_options(process, environment);
  server::ApiServer api(settings, {.logger = logger,
                                   .http = &http,
                                   .files = files.get(),
                                   .metrics = &metrics,
                                   .fatal = [&](const std::string&) { reason.stop(kFailure); }});
  api.start();
  if (files) files->set_base_url(api.url() + "/files");
  logger.info("Listening on " + api.url());
  logger.info(api.openness());
  process.cold_start.lap("config");
  process.system.cold_start = &process.cold_start;
  process.system.stop = loading.get_token();
  try {
    system = std::make_unique<SpeechSystem>(process.system, http, logger);
  } catch (const Error& error) {
    if (!loading.stop_requested()) {
      logger.error(std::string("The model cannot be used: ") + error.what());
      api.set_broken("the model cannot be used");
      reason.stop(kFailure);
    }
  }
  if (system) {
    metrics.build_info(ECHO_VERSION, "", "");
    metrics.cold_start(process.cold_start);
    metrics.on_scrape([&](Metrics& sampled) {
      sampled.set_batch_size(static_cast<double>(system->engine().status().trajectories));
    });
    api.set_speech(system->live(), system->uploads());
    if (settings.openai.voice_uploads && system->uploads() != nullptr) {
      logger.info("Voices can be added; they go to " + system->uploads()->folder());
    }
    api.set_ready(system->handler(), system->concurrency());
    logger.info("Ready in " + process.cold_start.text());
  }
  const int exit_code = reason.wait();
  logger.info("Shutting down");
  api.shutdown(std::chrono::seconds(exit_code == kSuccess ? patience : 0));
  return exit_code;
}

}  // namespace echo::apps
