// The commands of echo-tts. Each add_* declares its command's options and what it does.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "apps/environment.h"

namespace echo::apps {

enum ExitCode { kSuccess = 0, kFailure = 1, kUsage = 2 };

// What a command runs after the command line was understood; returns the exit code.
using Action = std::function<int()>;

// Remembers the action of the command that was chosen.
class CommandLine {
 public:
  CommandLine(CLI::App& app, const Environment& environment)
      : app_(app), environment_(environment) {}

  // A new command with its help; `examples` follows the options.
  CLI::App& add(const std::string& name, const std::string& help, const std::string& examples,
                Action action) {
    return add(app_, name, help, examples, std::move(action));
  }
  CLI::App& add(CLI::App& parent, const std::string& name, const std::string& help,
                const std::string& examples, Action action);
  // A command that has commands of its own.
  CLI::App& add_group(const std::string& name, const std::string& help);
  const Environment& environment() const { return environment_; }
  int run() const { return chosen_ ? chosen_() : kUsage; }

 private:
  CLI::App& app_;
  const Environment& environment_;
  Action chosen_;
};

void add_say(CommandLine& line);
void add_voices(CommandLine& line);
void add_seams(CommandLine& line);
void add_make_model(CommandLine& line);
void add_parity(CommandLine& line);
void add_bench(CommandLine& line);
void add_download(CommandLine& line);
void add_storage(CommandLine& line);
void add_worker(CommandLine& line);
void add_doctor(CommandLine& line);
void add_pack(CommandLine& line);
void add_options(CommandLine& line);

}  // namespace echo::apps
