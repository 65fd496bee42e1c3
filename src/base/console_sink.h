// A log that goes to a terminal, a pipe or a platform's collector.
#pragma once

#include "base/line_queue.h"
#include "base/log.h"

namespace echo {

// Whoever reads the descriptor may stop reading: then lines are dropped and counted, and neither
// work nor the end of the process waits for them. Threads: write() may be called from any thread.
class ConsoleSink : public LogSink {
 public:
  // `json`: the form of the line that tells how many are missing.
  ConsoleSink(int descriptor, bool json);
  void write(std::string_view line) override { lines_.add(line); }

 private:
  LineQueue lines_;
};

// That line.
std::string missing_lines(std::size_t count, bool json);

}  // namespace echo
