#include "apps/command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <numeric>
#include <string_view>
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
  const auto problem = [names](const std::string& value) -> std::string {
    if (std::find(names.begin(), names.end(), value) != names.end()) return "";
    std::string expected;
    for (size_t i = 0; i < names.size(); ++i) {
      expected += (i == 0 ? "" : i + 1 == names.size() ? " or " : ", ") + names[i];
    }
    return "found " + value + ", expected " + expected;
  };
  option_->check(CLI::Validator(problem, "{" + CLI::detail::join(names, ",") + "}"));
  return *this;
}

Option& Option::between(int64_t minimum, int64_t maximum) {
  const std::string range = std::to_string(minimum) + " to " + std::to_string(maximum);
  const auto problem = [minimum, maximum, range](const std::string& value) -> std::string {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    const bool whole = error == std::errc() && end == value.data() + value.size();
    if (whole && number >= minimum && number <= maximum) return "";
    return "found " + value + ", expected an integer from " + range;
  };
  option_->check(CLI::Validator(problem, range));
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
  if (names.starts_with('!')) {
    app_->add_flag_callback(
        names.substr(1), [&on] { on = false; }, help);
  } else {
    app_->add_flag(names, on, help);
  }
}

void Command::allow_others() { app_->allow_extras(); }

std::vector<std::string> Command::remaining() const { return app_->remaining(); }

namespace {

// The command that was being read when it failed, and its whole name: "echo-tts say".
const CLI::App& read_command(const CLI::App& app, std::string& name) {
  name += (name.empty() ? "" : " ") + app.get_name();
  return app.get_subcommands().empty() ? app : read_command(*app.get_subcommands().front(), name);
}

// How many letters have to be put in, left out or exchanged.
size_t edits(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (const char letter : a) {
    size_t diagonal = row[0]++;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t above = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, above + 1, diagonal + (letter == b[j] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

std::string unknown_option(const CLI::App& command, const std::string& name) {
  constexpr size_t kFewEdits = 2;
  std::string nearest;
  size_t fewest = kFewEdits + 1;
  for (const CLI::Option* option : command.get_options({})) {
    for (const std::string& known : option->get_lnames()) {
      const size_t apart = edits(name, "--" + known);
      if (apart < fewest) {
        fewest = apart;
        nearest = "--" + known;
      }
    }
  }
  return "there is no option " + name + (nearest.empty() ? "" : ", perhaps " + nearest);
}

std::string quoted(const std::string& word) { return "found \"" + word + "\", "; }

// What is wrong with the words that were given. CLI11 tells what is missing before it tells of a
// word that it did not know, which is why it is missing.
std::string problem_of(const CLI::App& app, const CLI::App& command, const CLI::Error& error) {
  const bool extra = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
  if (!extra && dynamic_cast<const CLI::RequiredError*>(&error) == nullptr) return error.what();
  const std::vector<std::string> words = app.remaining(true);
  for (const std::string& word : words) {
    if (word.size() > 1 && word[0] == '-') {
      return unknown_option(command, word.substr(0, word.find('=')));
    }
  }
  if (command.get_require_subcommand_min() > 0) {
    return (words.empty() ? "" : quoted(words.front())) + "expected a command";
  }
  if (extra && !words.empty()) return quoted(words.front()) + "expected nothing more";
  return error.what();
}

}  // namespace

CommandLine::CommandLine(const Environment& environment)
    : environment_(environment),
      app_(std::make_unique<CLI::App>("Echo-TTS: text and a reference voice become speech.",
                                      "echo-tts")) {
  app_->set_version_flag("--version", std::string("echo-tts ") + ECHO_VERSION);
  app_->require_subcommand(1);
  app_->failure_message([](const CLI::App* failed, const CLI::Error& error) {
    std::string name;
    const CLI::App& command = read_command(*failed, name);
    return "echo-tts: " + visible_text(problem_of(*failed, command, error)) + "; `" + name +
           " --help` tells more\n";
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
  try {
    app_->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app_->exit(error) == 0 ? kSuccess : kUsage;
  }
  return chosen_ ? chosen_() : kUsage;
}

}  // namespace echo::apps
