#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <string_view>

#include "apps/command.h"
#include "apps/standard_streams.h"
#include "apps/thread_waits.h"
#include "base/error.h"
#include "base/visible_text.h"

namespace echo::apps {

CLI::App& CommandLine::add_group(const std::string& name, const std::string& help) {
  CLI::App& group = *app_.add_subcommand(name, help);
  group.require_subcommand(1);
  return group;
}

CLI::App& CommandLine::add(CLI::App& parent, const std::string& name, const std::string& help,
                           const std::string& examples, Action action) {
  CLI::App& command = *parent.add_subcommand(name, help);
  if (!examples.empty()) command.footer("Examples:\n" + examples);
  command.callback([this, action = std::move(action)] { chosen_ = action; });
  return command;
}

namespace {

int run(int argc, char** argv) {
  CLI::App app{"Echo-TTS: text and a reference voice become speech.", "echo-tts"};
  app.set_version_flag("--version", std::string("echo-tts ") + ECHO_VERSION);
  app.require_subcommand(1);
  app.failure_message([](const CLI::App* failed, const CLI::Error& error) {
    return "echo-tts: " + visible_text(error.what()) + "; `" + "echo-tts" +
           (failed->get_parent() ? " " + failed->get_name() : "") + " --help` tells more\n";
  });
  app.footer(
      "`echo-tts COMMAND --help` tells more. The published weights, and the audio they make, "
      "are CC-BY-NC-SA 4.0.");
  const Environment environment;
  CommandLine line(app, environment);
  add_say(line);
  add_voices(line);
  add_seams(line);
  add_make_model(line);
  add_parity(line);
  add_bench(line);
  add_download(line);
  add_storage(line);
  add_worker(line);
  add_doctor(line);
  add_pack(line);
  add_options(line);
  const auto named = [&](const CLI::App* command) { return command->get_name() == argv[1]; };
  if (argc > 1 && argv[1][0] != '-' && app.get_subcommands(named).empty()) {
    std::fprintf(stderr,
                 "echo-tts: found \"%s\", expected a command: `echo-tts --help` lists them\n",
                 visible_text(argv[1]).c_str());
    return kUsage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kSuccess : kUsage;
  }
  return line.run();
}

// A mapped file that shrinks, or a disk that fails under the map, cannot be answered otherwise.
void on_bus_error(int) {
  constexpr char kMessage[] =
      "echo-tts: a model file was cut, or its disk failed, while it was in use\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kMessage, sizeof kMessage - 1);
  _exit(kFailure);
}

int fail(const char* kind, const char* message) {
  std::fprintf(stderr, "echo-tts: %s%s\n", kind, visible_text(message).c_str());
  return kFailure;
}

}  // namespace
}  // namespace echo::apps

int main(int argc, char** argv) {
  using namespace echo;
  apps::open_closed_streams();
  // Whatever computes may share its machine with another of its kind.
  for (const std::string_view command : {"worker", "say", "bench", "parity"}) {
    if (argc > 1 && command == argv[1]) apps::shorten_thread_waits(argv);
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error like a full disk
  std::signal(SIGBUS, apps::on_bus_error);
  try {
    return apps::finish_output(apps::run(argc, argv));
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInternal) return apps::fail("internal error: ", error.what());
    apps::fail("", error.what());
    return error.code() == ErrorCode::kInvalidArgument ? apps::kUsage : apps::kFailure;
  } catch (const std::bad_alloc&) {
    return apps::fail("", "out of memory");
  } catch (const std::exception& error) {
    return apps::fail("internal error: ", error.what());
  }
}
