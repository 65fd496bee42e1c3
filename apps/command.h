// The commands of echo-tts. Each add_* declares its command's options and what it does. Only
// command.cc includes CLI11, which takes longer to compile than a command.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/environment.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace echo::apps {

enum ExitCode { kSuccess = 0, kFailure = 1, kUsage = 2 };

// What a command runs after the command line was understood; returns the exit code.
using Action = std::function<int()>;

// Returns what is wrong with a value, or "".
using Check = std::string (*)(const std::string& value);

// An option that was declared; each call says one thing more of it.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}
  Option& required();
  Option& show_default();  // in the help: the value it has now
  Option& one_of(const std::vector<std::string>& names);
  Option& between(int64_t minimum, int64_t maximum);
  Option& checked(Check problem, const std::string& kind);  // `kind` stands in the help: DEVICE
  Option& up_to(int count);                                 // takes so many values, one at least
  Option& in_group(const std::string& heading);             // "": the help does not show it

 private:
  CLI::Option* option_;  // its command owns it
};

// A command that is being declared. What options are read into must outlive the parsing.
class Command {
 public:
  explicit Command(CLI::App* app) : app_(app) {}
  // Names: "file" (by position), "--file", "-f,--file". Value: std::string, int, int64_t, uint64_t,
  // an optional of these, or std::vector<std::string>.
  template <class Value>
  Option option(const std::string& names, Value& value, const std::string& help = "");
  // Hands each value to `take`, which may throw Error.
  Option option_to(const std::string& names, std::function<void(const std::string&)> take,
                   const std::string& help);
  // "!--no-hashes" sets `on` to false.
  void flag(const std::string& names, bool& on, const std::string& help);
  // What no option takes is no error; remaining() returns it after the parsing.
  void allow_others();
  std::vector<std::string> remaining() const;

 private:
  friend class CommandLine;
  CLI::App* app_;  // the command line owns it
};

// All commands, and the one that was chosen.
class CommandLine {
 public:
  explicit CommandLine(const Environment& environment);
  ~CommandLine();

  // A new command with its help; `examples` follows the options.
  Command add(const std::string& name, const std::string& help, const std::string& examples,
              Action action);
  Command add(const Command& parent, const std::string& name, const std::string& help,
              const std::string& examples, Action action);
  // A command that has commands of its own.
  Command add_group(const std::string& name, const std::string& help);
  const Environment& environment() const { return environment_; }

  // Reads the arguments and runs the command that they choose. Returns the exit code; help and what
  // is wrong with the arguments were printed.
  int run(int argc, char** argv);

 private:
  const Environment& environment_;
  std::unique_ptr<CLI::App> app_;
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
