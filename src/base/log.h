// A small logger: one line, one write, repeats held back.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/worker_log.h"

namespace echo {

// Where finished lines go. Threads: called under the logger's lock, never from two at once.
class LogSink {
 public:
  virtual ~LogSink() = default;
  // `line` ends with its newline.
  virtual void write(std::string_view line) = 0;
};

// Writes each line with one write(2), so that lines of several processes do not mix. Errors are
// ignored: a worker does not die of a closed log.
class DescriptorSink : public LogSink {
 public:
  explicit DescriptorSink(int descriptor) : descriptor_(descriptor) {}
  void write(std::string_view line) override;

 private:
  int descriptor_;
};

struct LogOptions {
  LogLevel level = LogLevel::kInfo;  // kNotSet: silence
  bool json = false;                 // the platform's JSON lines instead of padded text
  int repeat_burst = 5;              // equal lines let through per window; 0: no limit
  std::chrono::milliseconds repeat_window{10'000};
};

// Threads: every function may be called from any thread.
class Logger {
 public:
  explicit Logger(LogOptions options);  // to stdout
  Logger(LogOptions options, std::shared_ptr<LogSink> sink);
  ~Logger();
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  void set_level(LogLevel level) { level_ = level; }
  LogLevel level() const { return level_; }

  // One line, if the level asks for it. Lines that equal an earlier one (level, job, message) are
  // counted instead once `repeat_burst` of them came within `repeat_window`; a later line tells
  // the count.
  void log(LogLevel level, std::string_view message, const LogScope& scope = {});

  void trace(std::string_view m, const LogScope& s = {}) { log(LogLevel::kTrace, m, s); }
  void debug(std::string_view m, const LogScope& s = {}) { log(LogLevel::kDebug, m, s); }
  void info(std::string_view m, const LogScope& s = {}) { log(LogLevel::kInfo, m, s); }
  void warn(std::string_view m, const LogScope& s = {}) { log(LogLevel::kWarn, m, s); }
  void error(std::string_view m, const LogScope& s = {}) { log(LogLevel::kError, m, s); }

  // A hint to the user: shown at every level but NOTSET.
  void tip(std::string_view message, const LogScope& scope = {});

  // Text that is no log line (the start banner), as it is.
  void plain(std::string_view text);

 private:
  struct Repeats {
    std::chrono::steady_clock::time_point since;
    int shown = 0;
    int hidden = 0;
    size_t message_at = 0;  // where the message begins in the key
    LogLevel level = LogLevel::kInfo;
    LogScope scope;
  };

  void write_line(std::string_view level, std::string_view message, const LogScope& scope);
  void report_hidden(bool all);

  const LogOptions options_;
  std::atomic<LogLevel> level_;
  std::mutex mutex_;
  std::shared_ptr<LogSink> sink_;
  std::unordered_map<std::string, Repeats> repeats_;
};

}  // namespace echo
