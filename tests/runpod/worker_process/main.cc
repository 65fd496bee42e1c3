// A queue worker as a process of its own, with a handler that does what the job's input says:
//   mock_delay     milliseconds of work, ended early by a cancellation
//   mock_until     path of a file that it works until
//   mock_progress  number of progress updates
//   mock_stream    number of pieces to stream
//   mock_error     text to fail with
//   mock_raise     text of an exception
//   mock_return    what to return (default: "done")
//   mock_refresh   asks for a new worker
//   mock_crash     ends the process with a signal
// The argument "unfit" adds fitness checks of which one fails and one hangs.
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <thread>

#include "../quick_timing.h"
#include "base/log.h"
#include "net/curl_http_client.h"
#include "runpod/shutdown_signals.h"
#include "runpod/worker.h"

namespace echo::runpod {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::optional<std::string> variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

void work(milliseconds duration, JobContext& context) {
  const auto end = steady_clock::now() + duration;
  while (steady_clock::now() < end) {
    context.sign_of_life();
    if (context.stop_token().stop_requested()) throw Error(ErrorCode::kCancelled, "the job was cancelled");
    std::this_thread::sleep_for(milliseconds(1));
  }
}

JobOutcome mock_handler(const Job& job, JobContext& context) {
  const Json& input = job.input();
  if (input.contains("mock_crash")) std::raise(SIGKILL);
  for (int i = 0; i < input.value("mock_progress", 0); ++i) {
    context.progress("update " + std::to_string(i));
  }
  for (int i = 0; i < input.value("mock_stream", 0); ++i) context.stream(i);
  work(milliseconds(input.value("mock_delay", 0)), context);
  while (input.contains("mock_until") && !std::filesystem::exists(input["mock_until"].get<std::string>())) {
    work(milliseconds(5), context);
  }
  if (input.contains("mock_raise")) throw std::runtime_error(input["mock_raise"]);
  if (input.contains("mock_error")) {
    return JobOutcome::failure("invalid_input", input["mock_error"].get<std::string>());
  }
  if (input.value("mock_refresh", false)) return JobOutcome::success({{"refresh_worker", true}});
  return JobOutcome::success(input.value("mock_return", Json("done")));
}

int run(bool unfit) {
  WorkerOptions options = worker_options_from(variable, nullptr);
  options.timing = quick_timing();
  options.timing.post_budget = milliseconds(30'000);
  options.timing.piece_budget = milliseconds(30'000);
  options.ping_interval = milliseconds(100);
  options.concurrency = std::atoi(variable("TEST_CONCURRENCY").value_or("1").c_str());

  LogOptions log;
  log.level = options.log_level;
  Logger logger(log);
  const auto http = make_http_client();
  Worker worker(options, *http, logger);
  const ShutdownSignals signals([&worker](int signal) { worker.request_shutdown(signal); });
  WorkerSetup setup;
  setup.load = [] { return Handler(mock_handler); };
  if (unfit) {
    const auto hang = [] { std::this_thread::sleep_for(std::chrono::hours(1)); };
    setup.own_checks = {{"advice_that_hangs", hang, true, milliseconds(100)},
                        {"broken", [] { throw std::runtime_error("no device"); }}};
  }
  return worker.run(setup);
}

}  // namespace
}  // namespace echo::runpod

int main(int argc, char** argv) {
  return echo::runpod::run(argc > 1 && std::string(argv[1]) == "unfit");
}
