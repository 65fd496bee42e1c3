#include <csignal>
#include <cstdio>
#include <exception>
#include <new>

#include "apps/command.h"
#include "base/error.h"

namespace echo::apps {

CLI::App& CommandLine::add(const std::string& name, const std::string& help,
                           const std::string& examples, Action action) {
  CLI::App& command = *app_.add_subcommand(name, help);
  if (!examples.empty()) command.footer("Examples:\n" + examples);
  command.callback([this, action = std::move(action)] { chosen_ = action; });
  return command;
}

namespace {

int run(int argc, char** argv) {
  CLI::App app{"Echo-TTS: text and a reference voice become speech.", "echo-tts"};
  app.set_version_flag("--version", std::string("echo-tts ") + ECHO_VERSION);
  app.require_subcommand(1);
  app.footer("`echo-tts COMMAND --help` tells more. The published weights, and the audio they make, "
             "are CC-BY-NC-SA 4.0.");
  const Environment environment = read_environment();
  CommandLine line(app, environment);
  add_say(line);
  add_make_model(line);
  add_bench(line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kSuccess : kUsage;
  }
  return line.run();
}

int fail(const char* kind, const char* message) {
  std::fprintf(stderr, "echo-tts: %s%s\n", kind, message);
  return kFailure;
}

}  // namespace
}  // namespace echo::apps

int main(int argc, char** argv) {
  using namespace echo;
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return apps::run(argc, argv);
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
