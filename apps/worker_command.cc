#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/api_mode.h"
#include "apps/command.h"
#include "apps/http_client.h"
#include "apps/log_settings.h"
#include "apps/option_table.h"
#include "apps/speech_metrics.h"
#include "apps/speech_system.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "base/visible_text.h"
#include "metrics/metrics.h"
#include "metrics/monitor_server.h"
#include "runpod/command_line.h"
#include "runpod/fitness.h"
#include "runpod/local_run.h"
#include "runpod/shutdown_signals.h"
#include "runpod/worker.h"

namespace echo::apps {
namespace {

struct Options {
  EngineFlags engine;
  std::string storage_directory;
  std::string mode = "auto";
  std::optional<int> metrics_port;
  std::string metrics_host = "127.0.0.1";
  bool warm_up = false;
  std::string start_report;  // with warm_up: a file for the stages of the start
  std::optional<Command> command;
};

// What a worker process is made of before it knows its mode.
struct Process {
  runpod::CommandLine arguments;
  runpod::WorkerOptions worker;
  runpod::FitnessOptions fitness;
  std::vector<std::string> warnings;
  http::HttpServerOptions monitor;  // port 0: none
  ColdStart cold_start;
};

LogOptions log_options(const runpod::WorkerOptions& worker) {
  LogOptions options;
  options.level = worker.log_level;
  options.json = !worker.endpoint_id.empty();
  return options;
}

// The bucket's settings, one line for each that is missing.
bool complete(const S3Options& s3, Logger& logger) {
  const std::vector<std::string> problems = s3_problems(s3);
  for (const std::string& problem : problems) logger.error(problem);
  return problems.empty();
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

// After the banner, which is the first line.
void tell(const Process& process, Logger& logger) {
  for (const std::string& warning : process.warnings) logger.warn(warning);
  for (const std::string& other : process.arguments.others) {
    logger.warn("Unknown argument: " + other);
  }
}

// One job without a platform. The model is loaded only when there is a job.
int run_local(const Process& process, const SpeechSystemOptions& options, HttpClient& http,
              Logger& logger) {
  tell(process, logger);
  std::unique_ptr<SpeechSystem> system;
  const Handler handler = [&](const Job& job, JobContext& context) {
    system = std::make_unique<SpeechSystem>(options, http, logger);
    return system->handler()(job, context);
  };
  return runpod::run_local_job(process.arguments, handler, ".", logger);
}

// The port for whoever watches the worker; null without.
std::unique_ptr<MonitorServer> monitor_of(const Process& process, Metrics& metrics) {
  if (process.monitor.port == 0) return nullptr;
  return std::make_unique<MonitorServer>(process.monitor, metrics);
}

int run_queue_worker(Process& process, SpeechSystemOptions options, HttpClient& http,
                     Logger& logger) {
  runpod::check_worker_options(process.worker);
  if (options.storage_directory.empty() && !complete(options.s3, logger)) return kFailure;
  Metrics metrics;
  metrics.build_info(ECHO_VERSION, "", "");
  observe(options, metrics);
  std::unique_ptr<SpeechSystem> system;  // outlives the worker and whoever watches it
  runpod::Worker worker(process.worker, http, logger);
  const auto monitor = monitor_of(process, metrics);
  const runpod::ShutdownSignals signals([&](int signal) {
    if (monitor) monitor->set_draining();
    worker.request_shutdown(signal);
  });
  if (monitor) monitor->start();  // now: its threads leave the signals alone
  runpod::WorkerSetup setup;
  setup.system_checks = runpod::system_fitness_checks(process.fitness, {}, logger);
  options.cold_start = &process.cold_start;
  process.cold_start.lap("config");
  setup.load = [&] {
    process.cold_start.lap("fitness");
    tell(process, logger);
    system = std::make_unique<SpeechSystem>(options, http, logger);
    return system->handler();
  };
  setup.concurrency = [&] { return system->concurrency(); };
  setup.ready = [&] {
    metrics.on_scrape([&](Metrics& sampled) {
      sampled.set_queue_depth(static_cast<double>(worker.queued()));
      sampled.set_in_flight(static_cast<double>(worker.jobs() - worker.queued()));
      sampled.set_batch_size(static_cast<double>(system->engine().status().trajectories));
    });
    metrics.cold_start(process.cold_start);
    if (monitor) monitor->set_ready();
    logger.info("Ready in " + process.cold_start.text());
  };
  setup.finished = [&](const runpod::JobEnd& job) {
    metrics.request_finished("queue", job.format, job.status(), job.seconds);
    if (*job.cause()) metrics.cancelled(job.cause());
  };
  return worker.run(setup);
}

// The mode that was asked for by name, or what the environment looks like.
runpod::Mode mode_of(const std::string& name, const Process& process,
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

// What this process has had read from disks, as far as the system counts it.
uint64_t disk_bytes() {
  std::ifstream file("/proc/self/io");
  std::string name;
  uint64_t value = 0;
  while (file >> name >> value) {
    if (name == "read_bytes:") return value;
  }
  return 0;
}

// Everything that a worker does before it takes jobs, and nothing after it.
int run_warm_up(Process& process, SpeechSystemOptions options, const std::string& report,
                HttpClient& http, Logger& logger) {
  options.cold_start = &process.cold_start;
  process.cold_start.lap("config");
  const auto checks = runpod::system_fitness_checks(process.fitness, {}, logger);
  if (runpod::run_fitness_checks(checks, logger)) return kFailure;
  process.cold_start.lap("fitness");
  options.warm_up = "on";
  SpeechSystem system(options, http, logger);
  logger.info("Ready in " + process.cold_start.text());
  if (report.empty()) return kSuccess;
  nlohmann::ordered_json stages = nlohmann::ordered_json::object();
  for (const ColdStart::Stage& stage : process.cold_start.stages()) {
    stages[stage.name] = stage.seconds;
  }
  const EngineInfo& info = system.engine().info();
  write_file_atomically(report, nlohmann::ordered_json{{"stages", stages},
                                                       {"seconds", process.cold_start.total()},
                                                       {"file_bytes", info.file_bytes},
                                                       {"read_bytes", info.read_bytes},
                                                       {"disk_bytes", disk_bytes()}}
                                    .dump());
  return kSuccess;
}

int run_worker(const Options& options, const Environment& environment) {
  Process process;
  const auto variable = [&](const std::string& name) { return environment.find(name); };
  const runpod::ParsedCommandLine parsed = runpod::parse_command_line(options.command->remaining());
  if (parsed.problem) {
    std::fprintf(stderr, "echo-tts worker: %s\n", visible_text(parsed.problem->message).c_str());
    return parsed.problem->exit_code;
  }
  process.arguments = parsed.options;
  process.worker = runpod::worker_options_from(variable, &process.warnings);
  if (process.arguments.log_level) process.worker.log_level = *process.arguments.log_level;
  process.worker.debugger = process.arguments.debugger;
  process.worker.timing.drain_limit =
      std::chrono::seconds(environment.integer("ECHO_DRAIN_SECONDS", 0, 0, 86'400));
  process.monitor.host = options.metrics_host;
  process.monitor.port = options.metrics_port.value_or(
      static_cast<int>(environment.integer("ECHO_METRICS_PORT", 0, 0, 65535)));
  process.fitness = runpod::fitness_options_from(variable, &process.warnings);
  process.fitness.network_url = process.worker.take_url;

  const runpod::Mode mode = mode_of(options.mode, process, environment);
  const LogOptions log = log_options(process.worker);
  Logger logger(log, log_sink_of(environment, log.json));
  SpeechSystemOptions system_options = speech_system_options(options.engine, environment);
  system_options.storage_directory = options.storage_directory;
  // On the platform nobody would notice who speaks.
  system_options.small_voice =
      !options.warm_up && (mode == runpod::Mode::kLocalApi || mode == runpod::Mode::kLocalRun);
  if (mode == runpod::Mode::kLocalApi) system_options.spare_uploads = "echo-tts-voices";
  // Away from the platform results go to a folder unless a bucket is set up.
  if (mode != runpod::Mode::kQueueWorker && system_options.storage_directory.empty() &&
      !s3_problems(system_options.s3).empty()) {
    system_options.storage_directory = "echo-tts-output";
    warn_of_incomplete_bucket(system_options.s3, process.warnings);
  }
  if (mode == runpod::Mode::kLoadBalancer && !system_options.storage_directory.empty() &&
      !environment.find("ECHO_PUBLIC_URL")) {
    process.warnings.push_back(
        "Results go to a folder of this worker, and links to them point to this machine: set "
        "S3_ENDPOINT_URL and its like, or ECHO_PUBLIC_URL");
  }
  const std::vector<std::string> problems = settings_problems(system_options);
  for (const std::string& problem : problems) logger.error(problem);
  if (!problems.empty()) return kFailure;
  const std::unique_ptr<HttpClient> http = http_client_of(environment);
  if (options.warm_up) {
    return run_warm_up(process, system_options, options.start_report, *http, logger);
  }
  switch (mode) {
    case runpod::Mode::kQueueWorker:
      return run_queue_worker(process, system_options, *http, logger);
    case runpod::Mode::kLocalRun:
      return run_local(process, system_options, *http, logger);
    default:
      tell(process, logger);
      return serve_api(
          {mode, process.arguments, process.worker, system_options, process.cold_start},
          environment, *http, logger);
  }
}

}  // namespace

void add_worker(CommandLine& line) {
  const Environment& environment = line.environment();
  auto options = std::make_shared<Options>();
  Command command =
      line.add("worker", "Serve jobs: of RunPod's queue, over HTTP, or one job from a file",
               "  echo-tts worker --rp_serve_api --model DIR\n"
               "  echo-tts worker --test_input '{\"input\": {\"text\": \"Hello.\"}}' --model DIR\n"
               "RunPod's own options:\n" +
                   runpod::command_line_help(),
               [options, &environment] { return run_worker(*options, environment); });
  command.allow_others();
  options->command = command;
  options->engine.add_to(command, environment);
  options->mode = environment.text("ECHO_WORKER_MODE", "auto");
  options->metrics_host = environment.text("ECHO_METRICS_HOST", "127.0.0.1");
  command.option("--storage", options->storage_directory,
                 "Put results into this folder instead of a bucket");
  add_option(command, "--mode", options->mode)
      .one_of({"auto", "queue", "load-balancer", "api", "local"})
      .show_default();
  command
      .option_to(
          "--profile",
          [options](const std::string& name) {
            options->engine.source.profile = parse_profile(name, "--profile");
          },
          option_help(option_row("--profile")))
      .one_of({"natural", "published"});
  add_option(command, "--metrics-port", options->metrics_port);
  add_option(command, "--metrics-host", options->metrics_host).show_default();
  command.flag("--warmup", options->warm_up,
               "Find or download the model, load it, speak once, and exit");
  command.option("--start-report", options->start_report).in_group("");  // for bench
}

}  // namespace echo::apps
