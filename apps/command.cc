#include "apps/command.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <utility>

#include "base/visible_text.h"

namespace echo::apps {

Option& Option::required() {
  option_->required();
  return *this;
}

Option& Option::show_default() {
  option_->capture_default_str();
  return *this;
}

Option& Option::one_of(const std::vector<std::string>& names) {
  option_->check(CLI::IsMember(names));
  return *this;
}

Option& Option::between(int64_t minimum, int64_t maximum) {
  option_->check(CLI::Range(minimum, maximum));
  return *this;
}

Option& Option::checked(Check problem, const std::string& kind) {
  option_->check(CLI::Validator(problem, kind));
  return *this;
}

Option& Option::up_to(int count) {
  option_->expected(1, count);
  return *this;
}

Option& Option::in_group(const std::string& heading) {
  option_->group(heading);
  return *this;
}

template <class Value>
Option Command::option(const std::string& names, Value& value, const std::string& help) {
  return Option(app_->add_option(names, value, help));
}

template Option Command::option(const std::string&, std::string&, const std::string&);
template Option Command::option(const std::string&, int&, const std::string&);
template Option Command::option(const std::string&, int64_t&, const std::string&);
template Option Command::option(const std::string&, uint64_t&, const std::string&);
template Option Command::option(const std::string&, std::optional<std::string>&,
                                const std::string&);
template Option Command::option(const std::string&, std::optional<int>&, const std::string&);
template Option Command::option(const std::string&, std::optional<int64_t>&, const std::string&);
template Option Command::option(const std::string&, std::vector<std::string>&, const std::string&);

Option Command::option_to(const std::string& names, std::function<void(const std::string&)> take,
                          const std::string& help) {
  return Option(app_->add_option_function<std::string>(names, take, help));
}

void Command::flag(const std::string& names, bool& on, const std::string& help) {
  app_->add_flag(names, on, help);
}

void Command::allow_others() { app_->allow_extras(); }

std::vector<std::string> Command::remaining() const { return app_->remaining(); }

CommandLine::CommandLine(const Environment& environment)
    : environment_(environment),
      app_(std::make_unique<CLI::App>("Echo-TTS: text and a reference voice become speech.",
                                      "echo-tts")) {
  app_->set_version_flag("--version", std::string("echo-tts ") + ECHO_VERSION);
  app_->require_subcommand(1);
  app_->failure_message([](const CLI::App* failed, const CLI::Error& error) {
    return "echo-tts: " + visible_text(error.what()) + "; `" + "echo-tts" +
           (failed->get_parent() ? " " + failed->get_name() : "") + " --help` tells more\n";
  });
  app_->footer(
      "`echo-tts COMMAND --help` tells more. The published weights, and the audio they make, "
      "are CC-BY-NC-SA 4.0.");
}

CommandLine::~CommandLine() = default;

Command CommandLine::add(const std::string& name, const std::string& help,
                         const std::string& examples, Action action) {
  return add(Command(app_.get()), name, help, examples, std::move(action));
}

Command CommandLine::add(const Command& parent, const std::string& name, const std::string& help,
                         const std::string& examples, Action action) {
  CLI::App* const command = parent.app_->add_subcommand(name, help);
  if (!examples.empty()) command->footer("Examples:\n" + examples);
  command->callback([this, action = std::move(action)] { chosen_ = action; });
  return Command(command);
}

Command CommandLine::add_group(const std::string& name, const std::string& help) {
  CLI::App* const group = app_->add_subcommand(name, help);
  group->require_subcommand(1);
  return Command(group);
}

int CommandLine::run(int argc, char** argv) {
  const auto named = [&](const CLI::App* command) { return command->get_name() == argv[1]; };
  if (argc > 1 && argv[1][0] != '-' && app_->get_subcommands(named).empty()) {
    std::fprintf(stderr,
                 "echo-tts: found \"%s\", expected a command: `echo-tts --help` lists them\n",
                 visible_text(argv[1]).c_str());
    return kUsage;
  }
  try {
    app_->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app_->exit(error) == 0 ? kSuccess : kUsage;
  }
  return chosen_ ? chosen_() : kUsage;
}

}  // namespace echo::apps
