#include "apps/worker_process.h"

#include "apps/log_settings.h"
#include "apps/openai_settings.h"
#include "base/error.h"
#include "net/s3_options.h"

namespace echo::apps {
namespace {

// The mode that was asked for by name, or what the environment looks like.
runpod::Mode mode_of(const std::string& name, const WorkerProcess& process,
                     const Environment& environment) {
  if (name == "queue") return runpod::Mode::kQueueWorker;
  if (name == "load-balancer") return runpod::Mode::kLoadBalancer;
  if (name == "api") return runpod::Mode::kLocalApi;
  if (name == "local") return runpod::Mode::kLocalRun;
  if (name != "auto") {
    throw_invalid("ECHO_WORKER_MODE: found \"" + name.substr(0, 40) +
                  "\", expected auto, queue, load-balancer, api or local");
  }
  return runpod::choose_mode(
      process.arguments, process.worker,
      {environment.find("PORT").has_value() || environment.find("PORT_HEALTH").has_value()});
}

// A bucket that is described in part was meant to be used.
void warn_of_incomplete_bucket(const S3Options& s3, std::vector<std::string>& warnings) {
  if (s3.endpoint_url.empty() && s3.access_key_id.empty() && s3.secret_access_key.empty() &&
      s3.bucket.empty()) {
    return;
  }
  for (const std::string& problem : s3_problems(s3)) {
    warnings.push_back("Results go to a folder. | " + problem);
  }
}

void warn_of_missing_heartbeat(const runpod::WorkerOptions& worker,
                               std::vector<std::string>& warnings) {
  const std::pair<const char*, bool> needed[] = {
      {"RUNPOD_WEBHOOK_PING", !worker.ping_url.empty()},
      {"RUNPOD_AI_API_KEY", !worker.api_key.empty()},
      {"RUNPOD_POD_ID", worker.worker_id_given},
  };
  for (const auto& [name, set] : needed) {
    if (!set) {
      warnings.push_back(std::string(name) +
                         " is not set: no heartbeats, the platform may take this worker for dead");
    }
  }
}

// Away from the platform results go to a folder unless a bucket is set up.
void choose_folder(WorkerProcess& process, const Environment& environment) {
  SpeechSystemOptions& system = process.system;
  if (process.mode != runpod::Mode::kQueueWorker && system.storage_directory.empty() &&
      !s3_problems(system.s3).empty()) {
    system.storage_directory = environment.text("ECHO_SERVED_DIR", "echo-tts-output");
    warn_of_incomplete_bucket(system.s3, process.warnings);
  }
  if (process.mode == runpod::Mode::kLoadBalancer && !system.storage_directory.empty() &&
      !environment.find("ECHO_PUBLIC_URL")) {
    process.warnings.push_back(
        "Results go to a folder of this worker, and links to them point to this machine: set "
        "S3_ENDPOINT_URL and its like, or ECHO_PUBLIC_URL");
  }
}

}  // namespace

runpod::ParsedCommandLine worker_command_line(const std::vector<std::string>& arguments,
                                              const Environment& environment) {
  runpod::CommandLine defaults;
  defaults.serve_api = is_on(environment, "ECHO_SERVE_API", false);
  defaults.api_host = environment.text("ECHO_API_HOST", defaults.api_host);
  return runpod::parse_command_line(arguments, defaults);
}

WorkerProcess worker_process_of(const WorkerFlags& flags, const runpod::CommandLine& arguments,
                                const Environment& environment) {
  WorkerProcess process;
  const auto variable = [&](const std::string& name) { return environment.find(name); };
  process.arguments = arguments;
  process.worker = runpod::worker_options_from(variable, &process.warnings);
  if (arguments.log_level) process.worker.log_level = *arguments.log_level;
  process.worker.debugger = arguments.debugger;
  process.worker.timing.drain_limit =
      std::chrono::seconds(environment.integer("ECHO_DRAIN_SECONDS", 0, 0, 86'400));
  process.monitor.host = flags.metrics_host;
  process.monitor.port = flags.metrics_port.value_or(
      static_cast<int>(environment.integer("ECHO_METRICS_PORT", 0, 0, 65535)));
  process.fitness = runpod::fitness_options_from(variable, &process.warnings);
  process.fitness.network_url = process.worker.take_url;

  process.mode = mode_of(flags.mode, process, environment);
  if (process.mode == runpod::Mode::kQueueWorker) {
    warn_of_missing_heartbeat(process.worker, process.warnings);
  }
  process.system = speech_system_options(flags.engine, environment);
  process.system.storage_directory = flags.storage_directory;
  // On the platform nobody would notice who speaks.
  process.system.small_voice = !flags.warm_up && (process.mode == runpod::Mode::kLocalApi ||
                                                  process.mode == runpod::Mode::kLocalRun);
  if (process.mode == runpod::Mode::kLocalApi) process.system.spare_uploads = "echo-tts-voices";
  choose_folder(process, environment);
  return process;
}

Logger worker_logger(const WorkerProcess& process, const Environment& environment) {
  LogOptions options;
  options.level = process.worker.log_level;
  options.json = !process.worker.endpoint_id.empty();
  return Logger(options, log_sink_of(environment, options.json));
}

std::string health_target(const WorkerProcess& process, const Environment& environment) {
  switch (process.mode) {
    case runpod::Mode::kLocalApi:
      return std::to_string(process.arguments.api_port) + " /ping";
    case runpod::Mode::kRealtimeApi:
      return std::to_string(process.worker.realtime_port) + " /ping";
    case runpod::Mode::kLoadBalancer:
      return environment.text("PORT_HEALTH", environment.text("PORT", "80")) + " " +
             environment.text("HEALTH_CHECK_PATH", "/ping");
    case runpod::Mode::kQueueWorker:
      return process.monitor.port == 0 ? "" : std::to_string(process.monitor.port) + " /ping";
    case runpod::Mode::kLocalRun:
      break;
  }
  return "";
}

}  // namespace echo::apps
