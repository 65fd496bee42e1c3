#include "base/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <optional>
#include <utility>

#include "base/console_sink.h"
#include "base/descriptor.h"
#include "base/file_io.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using SteadyClock = std::chrono::steady_clock;

// One open file that renames itself when it is full.
class RotatingFile {
 public:
  explicit RotatingFile(const LogFileOptions& options) : options_(options) {}

  // Nothing, or why the line could not be written.
  std::optional<std::string> append(std::string_view line) {
    if (!file_) {
      if (auto problem = open()) return problem;
    }
    if (size_ > 0 && size_ + line.size() > options_.max_bytes) {
      if (auto problem = rotate()) return problem;
    }
    while (!line.empty()) {
      const ssize_t written = ::write(file_.get(), line.data(), line.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) {
        const int error = written < 0 ? errno : ENOSPC;
        file_ = {};
        return "cannot write: " + system_reason(error);
      }
      size_ += static_cast<uint64_t>(written);
      line.remove_prefix(static_cast<size_t>(written));
    }
    return {};
  }

 private:
  std::optional<std::string> open() {
    std::error_code error;
    if (options_.path.has_parent_path()) fs::create_directories(options_.path.parent_path(), error);
    if (error) return "cannot create its folder: " + error.message();
    constexpr int kFlags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    file_ = Descriptor(::open(options_.path.c_str(), kFlags, 0640));
    if (!file_) return "cannot open: " + system_reason(errno);
    struct stat status {};
    if (fstat(file_.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
      file_ = {};
      return "not a regular file";
    }
    size_ = static_cast<uint64_t>(status.st_size);
    return {};
  }

  fs::path older(int number) const {
    fs::path name = options_.path;
    if (number > 0) name += "." + std::to_string(number);
    return name;
  }

  std::optional<std::string> rotate() {
    file_ = {};
    std::error_code error;
    for (int number = options_.kept - 1; number >= 0; --number) {
      fs::rename(older(number), older(number + 1), error);
      if (error && error != std::errc::no_such_file_or_directory) {
        return "cannot rename: " + error.message();
      }
    }
    if (options_.kept <= 0) fs::remove(options_.path, error);
    return open();
  }

  const LogFileOptions options_;
  Descriptor file_;
  uint64_t size_ = 0;
};

}  // namespace

// Puts lines into the file, and leaves them out while that fails.
class LogFileSink::Writer {
 public:
  Writer(LogFileOptions options, std::shared_ptr<LogSink> console)
      : options_(std::move(options)), console_(std::move(console)), file_(options_) {}

  void write(std::string_view line) {
    if (failing_ && SteadyClock::now() < next_try_) return;
    const std::optional<std::string> problem = file_.append(line);
    if (problem && !failing_) {
      console_->write(own_line("Log file " + options_.path.string() + ": " + *problem +
                               "; the log goes on here alone"));
    }
    failing_ = problem.has_value();
    if (failing_) next_try_ = SteadyClock::now() + options_.retry;
  }

 private:
  std::string own_line(const std::string& message) const {
    return (options_.json ? json_log_line("WARN", message, {})
                          : text_log_line("WARN", message, {})) +
           "\n";
  }

  const LogFileOptions options_;
  const std::shared_ptr<LogSink> console_;
  RotatingFile file_;
  bool failing_ = false;
  SteadyClock::time_point next_try_{};
};

namespace {

// The console is written by the caller and by the thread.
class SharedSink : public LogSink {
 public:
  explicit SharedSink(std::shared_ptr<LogSink> sink) : sink_(std::move(sink)) {}
  void write(std::string_view line) override {
    const std::lock_guard lock(mutex_);
    sink_->write(line);
  }

 private:
  std::mutex mutex_;
  std::shared_ptr<LogSink> sink_;
};

}  // namespace

LogFileSink::LogFileSink(LogFileOptions options, std::shared_ptr<LogSink> console)
    : console_(std::make_shared<SharedSink>(std::move(console))),
      lines_([writer = std::make_shared<Writer>(options, console_)](
                 std::string_view line) { writer->write(line); },
             [json = options.json](std::size_t count) { return missing_lines(count, json); }) {}

void LogFileSink::write(std::string_view line) {
  console_->write(line);
  lines_.add(line);
}

}  // namespace echo
