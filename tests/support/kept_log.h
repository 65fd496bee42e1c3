// A log that keeps its lines.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"

namespace echo {

// Threads: any.
class KeptLog final : public LogSink {
 public:
  void write(std::string_view line) override {
    const std::lock_guard lock(mutex_);
    lines_.emplace_back(line);
    changed_.notify_all();
  }

  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  // All lines as one text.
  std::string text() const {
    const std::lock_guard lock(mutex_);
    return joined();
  }
  // How many lines hold a text.
  int count(std::string_view part) const {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(std::count_if(lines_.begin(), lines_.end(), [&](const auto& line) {
      return line.find(part) != line.npos;
    }));
  }
  // Waits until the lines hold a text; false after two minutes.
  bool wait_for(std::string_view part) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::minutes(2),
                             [&] { return joined().find(part) != std::string::npos; });
  }

 private:
  std::string joined() const {
    std::string text;
    for (const std::string& line : lines_) text += line;
    return text;
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
};

}  // namespace echo
