// The command-line options that every worker of the platform understands, and the choice of mode.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "job/job.h"
#include "runpod/worker_options.h"

namespace echo::runpod {

struct CommandLine {
  std::optional<LogLevel> log_level;   // --rp_log_level
  bool debugger = false;               // --rp_debugger
  bool serve_api = false;              // --rp_serve_api
  std::string api_host = "localhost";  // --rp_api_host
  int api_port = 8000;                 // --rp_api_port
  int api_concurrency = 1;             // --rp_api_concurrency
  std::optional<Json> test_input;      // --test_input; absent when its JSON is falsy ({}, null, 0)
  std::optional<Json> test_output;     // --test_output
  bool help = false;                   // -h, --help
  std::vector<std::string> others;     // what is left for the program
};

// A command line that cannot be used.
struct CommandLineProblem {
  std::string message;
  int exit_code;  // 2 for a bad option value, 1 for bad JSON or a bad log level
};

struct ParsedCommandLine {
  CommandLine options;
  std::optional<CommandLineProblem> problem;
};

// Options may come as "--x v" or "--x=v" and may be shortened while they stay unique. Unknown
// arguments are kept in `others`. `defaults` holds where an option is not given.
ParsedCommandLine parse_command_line(const std::vector<std::string>& arguments,
                                     const CommandLine& defaults = {});

// One line per option.
std::string command_line_help();

enum class Mode { kQueueWorker, kLoadBalancer, kLocalApi, kRealtimeApi, kLocalRun };

// What the load balancer's environment says.
struct LoadBalancerHints {
  bool port_given = false;  // PORT or PORT_HEALTH is set
};

// --rp_serve_api, then the realtime port, then --test_input, then the take URL, then a load
// balancer's port together with an endpoint id; a local run otherwise.
Mode choose_mode(const CommandLine& command_line, const WorkerOptions& options,
                 const LoadBalancerHints& hints = {});

}  // namespace echo::runpod
