#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/api_mode.h"
#include "apps/command.h"
#include "apps/http_client.h"
#include "apps/option_table.h"
#include "apps/speech_metrics.h"
#include "apps/worker_prepare.h"
#include "apps/worker_process.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "base/visible_text.h"
#include "metrics/metrics.h"
#include "metrics/monitor_server.h"
#include "runpod/fitness.h"
#include "runpod/local_run.h"
#include "runpod/shutdown_signals.h"
#include "runpod/worker.h"

namespace echo::apps {
namespace {

// The bucket's settings, one line for each that is missing.
bool complete(const S3Options& s3, Logger& logger) {
  const std::vector<std::string> problems = s3_problems(s3);
  for (const std::string& problem : problems) logger.error(problem);
  return problems.empty();
}

// After the banner, which is the first line.
void tell(const WorkerProcess& process, Logger& logger) {
  for (const std::string& warning : process.warnings) logger.warn(warning);
  for (const std::string& other : process.arguments.others) {
    logger.warn("Unknown argument: " + other);
  }
}

// One job without a platform. The model is loaded only when there is a job.
int run_local(const WorkerProcess& process, HttpClient& http, Logger& logger) {
  tell(process, logger);
  std::unique_ptr<SpeechSystem> system;
  const Handler handler = [&](const Job& job, JobContext& context) {
    system = std::make_unique<SpeechSystem>(process.system, http, logger);
    return system->handler()(job, context);
  };
  return runpod::run_local_job(process.arguments, handler, ".", logger);
}

// The port for whoever watches the worker; null without.
std::unique_ptr<MonitorServer> monitor_of(const WorkerProcess& process, Metrics& metrics) {
  if (process.monitor.port == 0) return nullptr;
  return std::make_unique<MonitorServer>(process.monitor, metrics);
}

int run_queue_worker(WorkerProcess& process, HttpClient& http, Logger& logger) {
  SpeechSystemOptions& options = process.system;
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
int run_warm_up(WorkerProcess& process, const std::string& report, HttpClient& http,
                Logger& logger) {
  SpeechSystemOptions& options = process.system;
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

// For docker/healthcheck.sh: the process, and what it is asked.
void write_health_file(const WorkerProcess& process, const Environment& environment) {
  const std::string path = environment.text("ECHO_HEALTH_FILE");
  if (path.empty()) return;
  std::ofstream(path) << getpid() << ' ' << health_target(process, environment) << '\n';
}

int run_worker(const WorkerFlags& flags, const std::vector<std::string>& others,
               const Environment& environment) {
  const runpod::ParsedCommandLine parsed = worker_command_line(others, environment);
  if (parsed.problem) {
    std::fprintf(stderr, "echo-tts worker: %s\n", visible_text(parsed.problem->message).c_str());
    return parsed.problem->exit_code;
  }
  if (flags.prepare) return prepare_worker(flags, parsed.options, environment);
  WorkerProcess process = worker_process_of(flags, parsed.options, environment);
  Logger logger = worker_logger(process, environment);
  const std::vector<std::string> problems = settings_problems(process.system);
  for (const std::string& problem : problems) logger.error(problem);
  if (!problems.empty()) return kFailure;
  const std::unique_ptr<HttpClient> http = http_client_of(environment);
  if (flags.warm_up) return run_warm_up(process, flags.start_report, *http, logger);
  write_health_file(process, environment);
  switch (process.mode) {
    case runpod::Mode::kQueueWorker:
      return run_queue_worker(process, *http, logger);
    case runpod::Mode::kLocalRun:
      return run_local(process, *http, logger);
    default:
      tell(process, logger);
      return serve_api(std::move(process), environment, *http, logger);
  }
}

}  // namespace

void add_worker(CommandLine& line) {
  const Environment& environment = line.environment();
  auto flags = std::make_shared<WorkerFlags>();
  auto own = std::make_shared<std::optional<Command>>();
  Command command = line.add(
      "worker", "Serve jobs: of RunPod's queue, over HTTP, or one job from a file",
      "  echo-tts worker --rp_serve_api --model DIR\n"
      "  echo-tts worker --test_input '{\"input\": {\"text\": \"Hello.\"}}' --model DIR\n"
      "RunPod's own options:\n" +
          runpod::command_line_help(),
      [flags, own, &environment] { return run_worker(*flags, (*own)->remaining(), environment); });
  command.allow_others();
  *own = command;
  flags->engine.add_to(command, environment);
  flags->mode = environment.text("ECHO_WORKER_MODE", "auto");
  flags->metrics_host = environment.text("ECHO_METRICS_HOST", "127.0.0.1");
  flags->storage_directory = environment.text("ECHO_STORAGE_DIR");
  command.option("--storage", flags->storage_directory,
                 "Put results into this folder instead of a bucket (or ECHO_STORAGE_DIR)");
  add_option(command, "--mode", flags->mode)
      .one_of({"auto", "queue", "load-balancer", "api", "local"})
      .show_default();
  command
      .option_to(
          "--profile",
          [flags](const std::string& name) {
            flags->engine.source.profile = parse_profile(name, "--profile");
          },
          option_help(option_row("--profile")))
      .one_of({"natural", "published"});
  for (const auto& [flag, name] :
       {std::pair("--continuity", "continuity"), std::pair("--max-rerolls", "max_rerolls")}) {
    command.option_to(
        flag,
        [flags, name = std::string(name)](const std::string& value) {
          SpeechParameters checked;
          set_parameter(checked, name, value);
          flags->engine.source.parameters[name] = value;
        },
        option_help(option_row(flag)));
  }
  add_option(command, "--metrics-port", flags->metrics_port);
  add_option(command, "--metrics-host", flags->metrics_host).show_default();
  command.flag("--warmup", flags->warm_up,
               "Find or download the model, load it, speak once, and exit");
  command.flag(
      "--prepare", flags->prepare,
      "Check all settings, find or download the model for a worker of the queue, and exit");
  command.option("--start-report", flags->start_report).in_group("");  // for bench
}

}  // namespace echo::apps
