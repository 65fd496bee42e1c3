// How far a job is, told seldom enough.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "engine/speech_request.h"

namespace echo {

// Passes "chunk 2/5, step 17/40" on, the first at once and then at most one per interval. Threads:
// report() from any.
class ProgressReport {
 public:
  using Send = std::function<void(const std::string&)>;  // not called from two threads at once

  ProgressReport(Send send, std::chrono::milliseconds interval, Clock& clock)
      : send_(std::move(send)), interval_(interval), clock_(clock) {}

  void report(const SpeechProgress& progress) {
    if (!send_) return;
    const std::scoped_lock lock(mutex_);
    const auto now = clock_.now();
    if (last_ && now - *last_ < interval_) return;
    last_ = now;
    send_("chunk " + std::to_string(progress.chunk) + '/' + std::to_string(progress.chunks) +
          ", step " + std::to_string(progress.step) + '/' + std::to_string(progress.steps));
  }

 private:
  const Send send_;
  const std::chrono::milliseconds interval_;
  Clock& clock_;
  std::mutex mutex_;
  std::optional<std::chrono::steady_clock::time_point> last_;
};

}  // namespace echo
