// A log that is shown and also kept in a file of bounded size.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>

#include "base/line_queue.h"
#include "base/log.h"

namespace echo {

struct LogFileOptions {
  std::filesystem::path path;
  uint64_t max_bytes = uint64_t{10} << 20;  // then the file becomes PATH.1, PATH.1 becomes PATH.2
  int kept = 3;                             // how many older files stay
  bool json = false;                        // the form of the sink's own lines
  std::chrono::milliseconds retry{60'000};  // pause after a failure
};

// Writes each line to the console first, then to the file. The file is a convenience: it may lie on
// a network disk that is read-only, full, gone or hanging, and none of that reaches the program. A
// failure is told once on the console, lines are left out, and the file is tried again after a
// pause. Lines are written by a thread of its own; `write` waits for it a moment, so that the last
// lines before a crash are kept, but not while the disk hangs. Threads: as LogSink.
class LogFileSink : public LogSink {
 public:
  LogFileSink(LogFileOptions options, std::shared_ptr<LogSink> console);
  void write(std::string_view line) override;

 private:
  class Writer;
  std::shared_ptr<LogSink> console_;
  LineQueue lines_;
};

}  // namespace echo
