#include <cstdio>
#include <memory>

#include "apps/api_mode.h"
#include "apps/command.h"
#include "apps/log_settings.h"
#include "apps/speech_system.h"
#include "base/error.h"
#include "net/curl_http_client.h"
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
  bool warm_up = false;
  CLI::App* command = nullptr;
};

// What a worker process is made of before it knows its mode.
struct Process {
  runpod::CommandLine arguments;
  runpod::WorkerOptions worker;
  runpod::FitnessOptions fitness;
  std::vector<std::string> warnings;
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
  const runpod::Handler handler = [&](const runpod::Job& job, runpod::JobContext& context) {
    system = std::make_unique<SpeechSystem>(options, http, logger);
    return system->handler()(job, context);
  };
  return runpod::run_local_job(process.arguments, handler, ".", logger);
}

int run_queue_worker(const Process& process, SpeechSystemOptions options, bool warm_up,
                     HttpClient& http, Logger& logger) {
  runpod::check_worker_options(process.worker);
  if (options.storage_directory.empty() && !complete(options.s3, logger)) return kFailure;
  std::unique_ptr<SpeechSystem> system;
  runpod::Worker worker(process.worker, http, logger);
  const runpod::ShutdownSignals signals([&](int signal) { worker.request_shutdown(signal); });
  runpod::WorkerSetup setup;
  setup.system_checks = runpod::system_fitness_checks(process.fitness, {}, logger);
  setup.load = [&] {
    tell(process, logger);
    system = std::make_unique<SpeechSystem>(options, http, logger);
    if (warm_up) system->warm_up();
    return system->handler();
  };
  return worker.run(setup);
}

int run_worker(const Options& options, const Environment& environment) {
  Process process;
  const auto variable = [&](const std::string& name) { return environment.find(name); };
  const runpod::ParsedCommandLine parsed = runpod::parse_command_line(options.command->remaining());
  if (parsed.problem) {
    std::fprintf(stderr, "echo-tts worker: %s\n", parsed.problem->message.c_str());
    return parsed.problem->exit_code;
  }
  process.arguments = parsed.options;
  process.worker = runpod::worker_options_from(variable, &process.warnings);
  if (process.arguments.log_level) process.worker.log_level = *process.arguments.log_level;
  process.worker.debugger = process.arguments.debugger;
  process.fitness = runpod::fitness_options_from(variable, &process.warnings);
  process.fitness.network_url = process.worker.take_url;

  const runpod::Mode mode = runpod::choose_mode(
      process.arguments, process.worker,
      {environment.find("PORT").has_value() || environment.find("PORT_HEALTH").has_value()});
  const LogOptions log = log_options(process.worker);
  Logger logger(log, log_sink_of(environment, log.json));
  SpeechSystemOptions system_options = speech_system_options(options.engine, environment);
  system_options.storage_directory = options.storage_directory;
  // Away from the platform results go to a folder unless a bucket is set up.
  if (mode != runpod::Mode::kQueueWorker && system_options.storage_directory.empty() &&
      !s3_problems(system_options.s3).empty()) {
    system_options.storage_directory = "echo-tts-output";
  }
  const std::unique_ptr<HttpClient> http = make_http_client();
  if (options.warm_up) {
    SpeechSystem(system_options, *http, logger).warm_up();
    return kSuccess;
  }
  switch (mode) {
    case runpod::Mode::kQueueWorker:
      process.worker.concurrency =
          static_cast<int>(std::max<size_t>(1, system_options.max_requests));
      return run_queue_worker(process, system_options, false, *http, logger);
    case runpod::Mode::kLocalRun:
      return run_local(process, system_options, *http, logger);
    default:
      tell(process, logger);
      return serve_api({mode, process.arguments, process.worker, system_options, false},
                       environment, *http, logger);
  }
}

}  // namespace

void add_worker(CommandLine& line) {
  const Environment& environment = line.environment();
  auto options = std::make_shared<Options>();
  CLI::App& command =
      line.add("worker", "Serve jobs: of RunPod's queue, over HTTP, or one job from a file",
               "  echo-tts worker --rp_serve_api --model DIR\n"
               "  echo-tts worker --test_input '{\"input\": {\"text\": \"Hello.\"}}' --model DIR\n"
               "RunPod's own options:\n" +
                   runpod::command_line_help(),
               [options, &environment] { return run_worker(*options, environment); });
  command.allow_extras();
  options->command = &command;
  options->engine.add_to(command, environment);
  command.add_option("--storage", options->storage_directory,
                     "Put results into this folder instead of a bucket");
  command.add_flag("--warmup", options->warm_up,
                   "Find or download the model, load it, speak once, and exit");
}

}  // namespace echo::apps
