#include "apps/log_settings.h"

#include <unistd.h>

#include "audio/decode.h"
#include "base/console_sink.h"
#include "base/error.h"
#include "base/log_file.h"

namespace echo::apps {

std::shared_ptr<LogSink> log_sink_of(const Environment& environment, bool json) {
  auto console = std::make_shared<ConsoleSink>(STDOUT_FILENO, json);
  LogFileOptions options;
  options.path = environment.text("ECHO_LOG_FILE");
  options.max_bytes = static_cast<uint64_t>(
      environment.integer("ECHO_LOG_MAX_BYTES", int64_t{10} << 20, 4096, int64_t{1} << 40));
  options.kept = static_cast<int>(environment.integer("ECHO_LOG_FILES", 3, 0, 100));
  options.json = json;
  if (options.path.empty()) return console;
  if (has_audio_suffix(options.path.string()) || options.path.extension() == ".safetensors") {
    throw_invalid("ECHO_LOG_FILE: " + options.path.string() +
                  ": the name of a recording or a model, expected one of a log");
  }
  return std::make_shared<LogFileSink>(options, console);
}

}  // namespace echo::apps
