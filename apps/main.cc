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

namespace {

int run(int argc, char** argv) {
  const Environment environment;
  CommandLine line(environment);
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
  return line.run(argc, argv);
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
