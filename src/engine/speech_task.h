// What the submitting and the device's thread share of a request.
#pragma once

#include <atomic>
#include <future>

#include "engine/speech_job.h"
#include "engine/speech_outcome.h"

namespace echo {

// Waits, then runs, then is done; answered exactly once. Any thread may call.
class SpeechTask {
 public:
  SpeechTask(PreparedSpeech prepared, SpeechCallbacks callbacks)
      : prepared_(std::move(prepared)), callbacks_(std::move(callbacks)) {}

  // A waiting task is answered at once, a running one when the device's thread next looks.
  void cancel() {
    cancelled_ = true;
    if (leave(State::kWaiting, State::kDone)) outcome_.set_value(cancelled_failure());
  }
  bool cancelled() const { return cancelled_; }
  bool waiting() const { return state_ == State::kWaiting; }

  // By the device's thread: false when the task has been cancelled while it waited.
  bool start() { return leave(State::kWaiting, State::kRunning); }

  // By the device's thread, once it has started the task.
  PreparedSpeech take_prepared() { return std::move(prepared_); }
  SpeechCallbacks take_callbacks() { return std::move(callbacks_); }
  void succeed(SpeechResult result) {
    if (leave(State::kRunning, State::kDone)) outcome_.set_value(std::move(result));
  }
  void fail_as_cancelled() {
    if (leave(State::kRunning, State::kDone)) outcome_.set_value(cancelled_failure());
  }
  // With the exception that is being handled.
  void fail_with_current_exception() {
    if (leave(State::kRunning, State::kDone)) outcome_.set_value(current_failure());
  }

  // Once.
  std::future<SpeechOutcome> outcome() { return outcome_.get_future(); }

 private:
  enum class State { kWaiting, kRunning, kDone };

  bool leave(State from, State to) { return state_.compare_exchange_strong(from, to); }
  static SpeechFailure cancelled_failure() {
    return {ErrorCode::kCancelled, "the request was cancelled"};
  }

  PreparedSpeech prepared_;
  SpeechCallbacks callbacks_;
  std::atomic<State> state_ = State::kWaiting;
  std::atomic<bool> cancelled_ = false;
  std::promise<SpeechOutcome> outcome_;
};

}  // namespace echo
