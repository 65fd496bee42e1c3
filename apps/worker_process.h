// A worker before it does anything: what its flags and the environment say.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/engine_options.h"
#include "apps/environment.h"
#include "apps/speech_system.h"
#include "base/cold_start.h"
#include "base/log.h"
#include "http/http_server.h"
#include "runpod/command_line.h"
#include "runpod/fitness.h"
#include "runpod/worker_options.h"

namespace echo::apps {

struct WorkerFlags {
  EngineFlags engine;
  std::string storage_directory;  // --storage
  std::string mode = "auto";
  std::optional<int> metrics_port;
  std::string metrics_host = "127.0.0.1";
  bool warm_up = false;
  bool prepare = false;
  std::string start_report;  // with warm_up: a file for the stages of the start
};

struct WorkerProcess {
  runpod::Mode mode = runpod::Mode::kLocalRun;
  runpod::CommandLine arguments;
  runpod::WorkerOptions worker;
  runpod::FitnessOptions fitness;
  http::HttpServerOptions monitor;  // port 0: none
  SpeechSystemOptions system;
  std::vector<std::string> warnings;
  ColdStart cold_start;
};

// Returns the platform's options among `arguments`, with the defaults that the environment gives.
runpod::ParsedCommandLine worker_command_line(const std::vector<std::string>& arguments,
                                              const Environment& environment);

// Reads everything. Errors: kInvalidArgument for a variable that cannot be used; what is wrong with
// those of the platform that a worker can do without is a warning.
WorkerProcess worker_process_of(const WorkerFlags& flags, const runpod::CommandLine& arguments,
                                const Environment& environment);

// Returns the logger that the process writes with.
Logger worker_logger(const WorkerProcess& process, const Environment& environment);

// Returns what docker/healthcheck.sh asks of the process, "8000 /ping"; empty when it serves
// nothing.
std::string health_target(const WorkerProcess& process, const Environment& environment);

}  // namespace echo::apps
