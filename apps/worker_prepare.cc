#include "apps/worker_prepare.h"

#include <atomic>
#include <filesystem>
#include <memory>
#include <stop_token>

#include "apps/api_mode.h"
#include "apps/command.h"
#include "apps/http_client.h"
#include "apps/model_source.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "net/url.h"
#include "runpod/shutdown_signals.h"

namespace echo::apps {
namespace {

// Everything that is wrong, a line each.
class Problems {
 public:
  void add(std::string line) { lines_.push_back(std::move(line)); }
  void add_all(const std::vector<std::string>& lines) {
    lines_.insert(lines_.end(), lines.begin(), lines.end());
  }
  // Adds what the reader of some settings says of them. Returns whether it was content.
  template <class Reader>
  bool hear(Reader read) {
    try {
      read();
      return true;
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kInternal) throw;
      add(error.what());
      return false;
    }
  }
  std::vector<std::string>& lines() { return lines_; }

 private:
  std::vector<std::string> lines_;
};

void check_address(const Environment& environment, const std::string& name, Problems& problems) {
  const std::optional<std::string> value = environment.find(name);
  if (!value) return;
  try {
    parse_url(*value);
  } catch (const Error&) {
    problems.add(name + ": expected an address that begins with https:// or http://");
  }
}

void check_writable(const std::filesystem::path& folder) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  const std::filesystem::path probe = folder / ".echo-tts-probe";
  write_file_atomically(probe, "probe");
  std::filesystem::remove(probe, failure);
}

void check(const WorkerProcess& process, const WorkerFlags& flags, const Environment& environment,
           Problems& problems) {
  const bool queue = process.mode == runpod::Mode::kQueueWorker;
  const SpeechSystemOptions& system = process.system;
  if (queue) {
    problems.hear([&] { runpod::check_worker_options(process.worker); });
    if (system.storage_directory.empty()) problems.add_all(s3_problems(system.s3));
  } else {
    check_address(environment, "S3_ENDPOINT_URL", problems);
    check_address(environment, "BUCKET_ENDPOINT_URL", problems);
    if (process.mode != runpod::Mode::kLocalRun) {
      problems.hear([&] { check_api_settings(process, environment); });
    }
  }
  if (!system.storage_directory.empty()) {
    problems.hear([&] { check_writable(system.storage_directory); });
  }
  problems.add_all(settings_problems(system));
  problems.hear([&] { flags.engine.options(); });
  check_address(environment, "ECHO_PUBLIC_URL", problems);
  check_address(environment, "HF_ENDPOINT", problems);
  if (system.engine.source.hub.token.find_first_of(" \t\r\n") != std::string::npos) {
    problems.add("HF_TOKEN has a space or a line break, which no token has");
  }
}

int get_weights(const ModelSource& source, const Environment& environment, Logger& logger) {
  std::atomic<int> signal{0};
  std::stop_source stop;
  const runpod::ShutdownSignals signals([&](int received) {
    signal = received;
    stop.request_stop();
  });
  try {
    const std::unique_ptr<HttpClient> http = http_client_of(environment);
    locate_model(source, *http,
                 {.download = true, .progress = logged_progress(logger), .stop = stop.get_token()});
    return kSuccess;
  } catch (const Error& error) {
    if (signal != 0) return 128 + signal;
    logger.error("The weights are not there and cannot be downloaded: " +
                 std::string(error.what()));
    if (source.directory.empty() && source.hub.token.empty()) {
      logger.error(
          "HF_TOKEN is not set; a repository that asks for a token needs one that may read it");
    }
    return kFailure;
  }
}

}  // namespace

int prepare_worker(const WorkerFlags& flags, const runpod::CommandLine& arguments,
                   const Environment& environment) {
  Problems problems;
  const Environment patient = environment.collecting(problems.lines());
  WorkerProcess process;
  if (problems.hear([&] { process = worker_process_of(flags, arguments, patient); })) {
    check(process, flags, patient, problems);
  }
  Logger logger = worker_logger(process, patient);
  for (const std::string& line : problems.lines()) logger.error(line);
  if (!problems.lines().empty()) {
    logger.error("The environment has " + std::to_string(problems.lines().size()) +
                 " problem(s), listed above; docs/deploy.md explains the variables");
    return kUsage;
  }
  if (process.mode != runpod::Mode::kQueueWorker) return kSuccess;
  return get_weights(process.system.engine.source, environment, logger);
}

}  // namespace echo::apps
