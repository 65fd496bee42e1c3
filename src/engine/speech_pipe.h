// The way from the thread that makes speech to the one that listens.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <variant>
#include <vector>

#include "engine/speech_failure.h"
#include "engine/speech_request.h"

namespace echo {

// One request's samples, its progress, and how it ended. The maker calls the first half and never
// waits; a listener calls the second, best through a SpeechStream. A request waits, then runs, then
// has ended; it ends exactly once. A cancelled one has ended for its listener at once, and its
// maker leaves when it next looks. Any thread may call any function.
class SpeechPipe {
 public:
  // A pipe with more than `unread_limit` samples in it is full. `wake` is called, on the listener's
  // thread, whenever a maker that waits should look again: after a cancellation, and when a full
  // pipe no longer is.
  explicit SpeechPipe(SpeechCallbacks callbacks = {}, size_t unread_limit = SIZE_MAX,
                      std::function<void()> wake = {});

  // Returns false when the request has been cancelled while it waited.
  bool start();
  void push(std::vector<float> samples);
  // Also calls the callback, unless the request has ended. Throws what it throws.
  void tell(const SpeechProgress& progress);
  // The end. The summary's sample_count is set here. Ignored when the request has ended.
  void succeed(SpeechSummary summary);
  void fail(SpeechFailure failure);
  void fail_as_cancelled();
  // Whether no more should be made before something is read.
  bool full() const;
  // Requested when the listener wants no more.
  std::stop_token cancelled() const { return cancelled_.get_token(); }
  bool waiting() const;

  // Ends the request and drops what has not been read. No callback runs after this has returned,
  // unless it is the callback that calls.
  void cancel();
  bool ended() const;
  SpeechProgress progress() const;
  // Returns samples as soon as there are some, nothing after the last. Throws an Error when the
  // request has failed and everything before has been read. A requested stop cancels.
  std::optional<std::vector<float>> next(std::stop_token stop);
  // Returns whether next() would return at once, after `duration` at most.
  bool wait_for(std::chrono::milliseconds duration) const;
  // Drops all samples, waits for the end. Throws what ended the request. A requested stop cancels.
  SpeechSummary finish(std::stop_token stop);

 private:
  enum class State { kWaiting, kRunning, kEnded };
  using Outcome = std::variant<std::monostate, SpeechSummary, SpeechFailure>;

  // Unlocks.
  void end(std::unique_lock<std::mutex>& lock, Outcome outcome);
  bool ready() const { return !unread_.empty() || state_ == State::kEnded; }
  void throw_failure() const;

  const SpeechCallbacks callbacks_;
  const size_t unread_limit_;
  const std::function<void()> wake_;
  std::stop_source cancelled_;

  std::recursive_mutex telling_;  // held while a callback runs; before mutex_
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  State state_ = State::kWaiting;
  std::deque<std::vector<float>> unread_;
  size_t unread_samples_ = 0;
  uint64_t pushed_samples_ = 0;
  bool dropping_ = false;  // nobody will read
  SpeechProgress progress_;
  Outcome outcome_;
};

}  // namespace echo
