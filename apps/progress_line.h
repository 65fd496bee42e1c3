// Progress of a long command on standard error.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

namespace echo::apps {

// On a terminal one line that is drawn again and again; in a pipe a plain line now and then.
class ProgressLine {
 public:
  explicit ProgressLine(bool quiet);
  ~ProgressLine() { finish(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // done of total units of work, and what is being done: "chunk 2/5, step 17/40".
  void update(int64_t done, int64_t total, const std::string& what);
  // Clears the line.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  bool quiet_, terminal_, drawn_ = false;
  Clock::time_point begin_ = Clock::now();
  Clock::time_point last_;
};

// Returns a function that shows bytes done and bytes in all as megabytes on the line, and throws
// kCancelled once `stop` is requested. The line must outlive it.
std::function<void(uint64_t done, uint64_t total)> megabytes_on(ProgressLine& line,
                                                                std::stop_token stop);

// "7 s", "3 min 05 s".
std::string duration_text(double seconds);

}  // namespace echo::apps
