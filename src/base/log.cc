#include "base/log.h"

#include <unistd.h>

#include <cerrno>

#include "base/console_sink.h"

namespace echo {
namespace {

constexpr size_t kRememberedLines = 256;
constexpr char kSeparator = '\x1f';

}  // namespace

void DescriptorSink::write(std::string_view line) {
  while (!line.empty()) {
    const ssize_t written = ::write(descriptor_, line.data(), line.size());
    if (written > 0) {
      line.remove_prefix(static_cast<size_t>(written));
    } else if (written == 0 || errno != EINTR) {
      return;
    }
  }
}

Logger::Logger(LogOptions options)
    : Logger(options, std::make_shared<ConsoleSink>(STDOUT_FILENO, options.json)) {}

Logger::Logger(LogOptions options, std::shared_ptr<LogSink> sink)
    : options_(options), level_(options.level), sink_(std::move(sink)) {}

Logger::~Logger() {
  const std::lock_guard lock(mutex_);
  report_hidden(true);
}

void Logger::log(LogLevel level, std::string_view message, const LogScope& scope) {
  const LogLevel wanted = level_;
  if (wanted == LogLevel::kNotSet || level < wanted) return;
  const std::lock_guard lock(mutex_);
  if (options_.repeat_burst > 0) {
    report_hidden(false);
    std::string key(log_level_name(level));
    key.append(1, kSeparator).append(scope.job_id).append(1, kSeparator);
    const size_t message_at = key.size();
    key += message;
    if (repeats_.size() >= kRememberedLines && repeats_.count(key) == 0) report_hidden(true);
    Repeats& seen = repeats_[key];
    if (seen.shown == 0) seen = {std::chrono::steady_clock::now(), 0, 0, message_at, level, scope};
    if (seen.shown >= options_.repeat_burst) {
      ++seen.hidden;
      return;
    }
    ++seen.shown;
  }
  write_line(log_level_name(level), message, scope);
}

void Logger::tip(std::string_view message, const LogScope& scope) {
  if (level_ == LogLevel::kNotSet) return;
  const std::lock_guard lock(mutex_);
  write_line("TIP", message, scope);
}

void Logger::plain(std::string_view text) {
  const std::lock_guard lock(mutex_);
  sink_->write(text);
}

void Logger::write_line(std::string_view level, std::string_view message, const LogScope& scope) {
  std::string line =
      options_.json ? json_log_line(level, message, scope) : text_log_line(level, message, scope);
  line += '\n';
  sink_->write(line);
}

// Forgets lines whose window is over (or all of them), telling how many were held back.
void Logger::report_hidden(bool all) {
  const auto now = std::chrono::steady_clock::now();
  for (auto it = repeats_.begin(); it != repeats_.end();) {
    const Repeats& seen = it->second;
    if (!all && now - seen.since < options_.repeat_window) {
      ++it;
      continue;
    }
    if (seen.hidden > 0) {
      write_line(log_level_name(seen.level),
                 "(repeated " + std::to_string(seen.hidden) + " more times) " +
                     it->first.substr(seen.message_at),
                 seen.scope);
    }
    it = repeats_.erase(it);
  }
}

}  // namespace echo
