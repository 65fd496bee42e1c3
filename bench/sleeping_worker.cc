// The worker of the program with a handler that sleeps as long as each job says, and no engine: what
// bench/sdk_worker.py is of the platform's SDK. Argument: how many jobs it takes at once.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "net/curl_http_client.h"
#include "runpod/shutdown_signals.h"
#include "runpod/worker.h"

namespace {

using namespace echo;

JobOutcome sleep_as_told(const Job& job, JobContext& context) {
  const std::chrono::duration<double> wanted(job.input().value("sleep", 0.0));
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any().wait_for(lock, context.stop_token(), wanted, [] { return false; });
  return JobOutcome::success({{"status", "completed"}});
}

}  // namespace

int main(int argc, char** argv) {
  std::atomic<runpod::Worker*> running = nullptr;
  const runpod::ShutdownSignals signals([&](int signal) {
    if (runpod::Worker* worker = running) worker->request_shutdown(signal);
  });
  runpod::WorkerOptions options = runpod::worker_options_from(
      [](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
      },
      nullptr);
  options.concurrency = argc > 1 ? std::stoi(argv[1]) : 1;
  Logger logger({.level = options.log_level});
  const std::unique_ptr<HttpClient> http = make_http_client();
  runpod::Worker worker(options, *http, logger);
  running = &worker;
  runpod::WorkerSetup setup;
  setup.load = []() -> Handler { return sleep_as_told; };
  return worker.run(setup);
}
