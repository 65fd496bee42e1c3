#include "base/console_sink.h"

namespace echo {

std::string missing_lines(std::size_t count, bool json) {
  const std::string message = "(" + std::to_string(count) + " lines are missing here)";
  return (json ? json_log_line("WARN", message, {}) : text_log_line("WARN", message, {})) + "\n";
}

ConsoleSink::ConsoleSink(int descriptor, bool json)
    : lines_([descriptor](std::string_view line) { DescriptorSink(descriptor).write(line); },
             [json](std::size_t count) { return missing_lines(count, json); }) {}

}  // namespace echo
