// What the submitting and the device's thread share of a request.
#pragma once

#include <atomic>
#include <exception>
#include <future>

#include "base/error.h"
#include "engine/speech_job.h"
#include "engine/speech_request.h"

namespace echo {

// Waits, then runs, then is done; answered exactly once. Any thread may call.
class SpeechTask {
 public:
  SpeechTask(PreparedSpeech prepared, SpeechCallbacks callbacks)
      : prepared_(std::move(prepared)), callbacks_(std::move(callbacks)) {}

  // A waiting task is answered at once, a running one when the device's thread next looks.
  void cancel() {
    cancelled_ = true;
    if (leave(State::kWaiting, State::kDone)) answer(cancelled_error());
  }
  bool cancelled() const { return cancelled_; }

  // By the device's thread: false when the task has been cancelled while it waited.
  bool start() { return leave(State::kWaiting, State::kRunning); }
  bool waiting() const { return state_ == State::kWaiting; }

  void succeed(SpeechResult result) {
    if (leave(State::kRunning, State::kDone)) promise_.set_value(std::move(result));
  }
  // What is not an Error becomes one.
  void fail(std::exception_ptr error) {
    if (leave(State::kRunning, State::kDone)) answer(as_error(error));
  }

  std::future<SpeechResult> result() { return promise_.get_future(); }

  static std::exception_ptr cancelled_error() {
    return std::make_exception_ptr(Error(ErrorCode::kCancelled, "the request was cancelled"));
  }

  // By the device's thread, once it has started the task.
  PreparedSpeech take_prepared() { return std::move(prepared_); }
  SpeechCallbacks take_callbacks() { return std::move(callbacks_); }

 private:
  enum class State { kWaiting, kRunning, kDone };

  bool leave(State from, State to) { return state_.compare_exchange_strong(from, to); }
  void answer(std::exception_ptr error) { promise_.set_exception(error); }
  static std::exception_ptr as_error(std::exception_ptr error);

  PreparedSpeech prepared_;
  SpeechCallbacks callbacks_;
  std::atomic<State> state_ = State::kWaiting;
  std::atomic<bool> cancelled_ = false;
  std::promise<SpeechResult> promise_;
};

}  // namespace echo
