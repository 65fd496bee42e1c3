#include "runpod/command_line.h"

#include <charconv>
#include <functional>

#include "base/error.h"
#include "runpod/result_body.h"

namespace echo::runpod {
namespace {

// Thrown and caught in this file.
struct BadArgument {
  std::string message;
  int exit_code;
};

int parse_int(const std::string& name, const std::string& value) {
  int result = 0;
  const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), result);
  if (failure != std::errc() || end != value.data() + value.size()) {
    throw BadArgument{"argument " + name + ": invalid int value: '" + value + "'", 2};
  }
  return result;
}

int parse_range(const std::string& name, const std::string& value, int low, int high) {
  const int result = parse_int(name, value);
  if (result < low || result > high) {
    throw BadArgument{"argument " + name + ": " + value + " is not in " + std::to_string(low) +
                          "..." + std::to_string(high),
                      2};
  }
  return result;
}

Json parse_document(const std::string& name, const std::string& value) {
  try {
    return parse_json(value);
  } catch (const Error& error) {
    throw BadArgument{"argument " + name + ": " + error.what(), 1};
  }
}

struct Option {
  std::string name;
  bool takes_value;
  std::string help;
  std::function<void(CommandLine&, const std::string&)> apply;
};

const std::vector<Option>& option_table() {
  static const std::vector<Option> table = {
      {"--rp_log_level", true, "Log from this level on: NOTSET, TRACE, DEBUG, INFO, WARN or ERROR",
       [](CommandLine& line, const std::string& value) {
         line.log_level = parse_log_level(value);
         if (!line.log_level) throw BadArgument{"Invalid debug level: " + value, 1};
       }},
      {"--rp_debugger", false, "Add timing and system facts to results",
       [](CommandLine& line, const std::string&) { line.debugger = true; }},
      {"--rp_serve_api", false, "Serve the HTTP API instead of taking jobs",
       [](CommandLine& line, const std::string&) { line.serve_api = true; }},
      {"--rp_api_host", true, "Listen at this address with the API (localhost)",
       [](CommandLine& line, const std::string& value) { line.api_host = value; }},
      {"--rp_api_port", true, "Listen on this port with the API (8000)",
       [](CommandLine& line, const std::string& value) {
         line.api_port = parse_range("--rp_api_port", value, 0, 65'535);
       }},
      {"--rp_api_concurrency", true, "Run so many jobs of the API at once (1)",
       [](CommandLine& line, const std::string& value) {
         line.api_concurrency = parse_range("--rp_api_concurrency", value, 1, 256);
       }},
      {"--test_input", true, "Run one job, given as JSON, and exit",
       [](CommandLine& line, const std::string& value) {
         Json document = parse_document("--test_input", value);
         if (truthy(document)) line.test_input = std::move(document);
       }},
      {"--test_output", true, "Compare what that job returns with this JSON",
       [](CommandLine& line, const std::string& value) {
         line.test_output = parse_document("--test_output", value);
       }},
      {"--help", false, "Show this text",
       [](CommandLine& line, const std::string&) { line.help = true; }},
  };
  return table;
}

// The option that `name` means, exactly or as the only one it begins; null if none.
const Option* find_option(const std::string& name) {
  const Option* found = nullptr;
  std::string candidates;
  for (const Option& option : option_table()) {
    if (option.name == name) return &option;
    if (name.size() > 2 && option.name.rfind(name, 0) == 0) {
      found = found == nullptr ? &option : found;
      candidates += (candidates.empty() ? "" : ", ") + option.name;
    }
  }
  if (candidates.find(',') != std::string::npos) {
    throw BadArgument{"ambiguous option: " + name + " could match " + candidates, 2};
  }
  return found;
}

void parse_into(CommandLine& line, const std::vector<std::string>& arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--") {
      line.others.insert(line.others.end(), arguments.begin() + static_cast<long>(i),
                         arguments.end());
      return;
    }
    if (argument == "-h") {
      line.help = true;
      continue;
    }
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const Option* option = argument.rfind("--", 0) == 0 ? find_option(name) : nullptr;
    if (option == nullptr) {
      line.others.push_back(argument);
    } else if (!option->takes_value) {
      if (equals != std::string::npos) {
        throw BadArgument{"argument " + option->name + ": takes no value", 2};
      }
      option->apply(line, "");
    } else if (equals != std::string::npos) {
      option->apply(line, argument.substr(equals + 1));
    } else if (i + 1 < arguments.size() && arguments[i + 1].rfind("--", 0) != 0) {
      option->apply(line, arguments[++i]);
    } else {
      throw BadArgument{"argument " + option->name + ": expected one argument", 2};
    }
  }
}

}  // namespace

ParsedCommandLine parse_command_line(const std::vector<std::string>& arguments,
                                     const CommandLine& defaults) {
  ParsedCommandLine parsed{defaults, {}};
  try {
    parse_into(parsed.options, arguments);
  } catch (const BadArgument& bad) {
    parsed.problem = CommandLineProblem{bad.message, bad.exit_code};
  }
  return parsed;
}

std::string command_line_help() {
  std::string text;
  for (const Option& option : option_table()) {
    std::string left = "  " + option.name + (option.takes_value ? " VALUE" : "");
    left.resize(std::max<size_t>(left.size() + 2, 32), ' ');
    text += left + option.help + "\n";
  }
  return text;
}

Mode choose_mode(const CommandLine& command_line, const WorkerOptions& options,
                 const LoadBalancerHints& hints) {
  if (command_line.serve_api) return Mode::kLocalApi;
  if (options.realtime_port != 0) return Mode::kRealtimeApi;
  if (command_line.test_input) return Mode::kLocalRun;
  if (!options.take_url.empty()) return Mode::kQueueWorker;
  if (hints.port_given && !options.endpoint_id.empty()) return Mode::kLoadBalancer;
  return Mode::kLocalRun;
}

}  // namespace echo::runpod
