#include "engine/speech_pipe.h"

#include <utility>

namespace echo {

SpeechPipe::SpeechPipe(SpeechCallbacks callbacks, size_t unread_limit, std::function<void()> wake)
    : callbacks_(std::move(callbacks)), unread_limit_(unread_limit), wake_(std::move(wake)) {}

bool SpeechPipe::start() {
  const std::scoped_lock lock(mutex_);
  if (state_ != State::kWaiting) return false;
  state_ = State::kRunning;
  return true;
}

void SpeechPipe::push(std::vector<float> samples) {
  if (samples.empty()) return;
  {
    const std::scoped_lock lock(mutex_);
    if (state_ == State::kEnded) return;
    pushed_samples_ += samples.size();
    if (dropping_) return;
    unread_samples_ += samples.size();
    unread_.push_back(std::move(samples));
  }
  changed_.notify_all();
}

void SpeechPipe::tell(const SpeechProgress& progress) {
  // Whoever cancels waits for one callback at most, however soon the next would come.
  if (cancelled_.stop_requested()) return;
  const std::scoped_lock telling(telling_);
  {
    const std::scoped_lock lock(mutex_);
    if (state_ == State::kEnded) return;
    progress_ = progress;
  }
  if (callbacks_.progress) callbacks_.progress(progress);
}

void SpeechPipe::end(std::unique_lock<std::mutex>& lock, Outcome outcome) {
  if (state_ == State::kEnded) return;
  state_ = State::kEnded;
  outcome_ = std::move(outcome);
  lock.unlock();
  changed_.notify_all();
}

void SpeechPipe::succeed(SpeechSummary summary) {
  std::unique_lock lock(mutex_);
  summary.sample_count = pushed_samples_;
  end(lock, std::move(summary));
}

void SpeechPipe::fail(SpeechFailure failure) {
  std::unique_lock lock(mutex_);
  end(lock, std::move(failure));
}

void SpeechPipe::fail_as_cancelled() { fail({ErrorCode::kCancelled, "the request was cancelled"}); }

bool SpeechPipe::full() const {
  const std::scoped_lock lock(mutex_);
  return unread_samples_ > unread_limit_;
}

bool SpeechPipe::waiting() const {
  const std::scoped_lock lock(mutex_);
  return state_ == State::kWaiting;
}

void SpeechPipe::cancel() {
  cancelled_.request_stop();
  {
    // Held until the request has ended, or a callback could begin in between.
    const std::scoped_lock telling(telling_);
    {
      const std::scoped_lock lock(mutex_);
      dropping_ = true;
      unread_.clear();
      unread_samples_ = 0;
    }
    fail_as_cancelled();
  }
  if (wake_) wake_();
}

bool SpeechPipe::ended() const {
  const std::scoped_lock lock(mutex_);
  return state_ == State::kEnded;
}

SpeechProgress SpeechPipe::progress() const {
  const std::scoped_lock lock(mutex_);
  return progress_;
}

std::optional<std::vector<float>> SpeechPipe::next(std::stop_token stop) {
  const std::stop_callback forward(stop, [this] { cancel(); });
  std::optional<std::vector<float>> samples;
  bool was_full = false;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ready(); });
    if (unread_.empty()) {
      throw_failure();
      return std::nullopt;
    }
    was_full = unread_samples_ > unread_limit_;
    samples = std::move(unread_.front());
    unread_.pop_front();
    unread_samples_ -= samples->size();
    was_full = was_full && unread_samples_ <= unread_limit_;
  }
  if (was_full && wake_) wake_();
  return samples;
}

bool SpeechPipe::wait_for(std::chrono::milliseconds duration) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, duration, [this] { return ready(); });
}

SpeechSummary SpeechPipe::finish(std::stop_token stop) {
  const std::stop_callback forward(stop, [this] { cancel(); });
  {
    const std::scoped_lock lock(mutex_);
    dropping_ = true;
    unread_.clear();
    unread_samples_ = 0;
  }
  if (wake_) wake_();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return state_ == State::kEnded; });
  throw_failure();
  return std::get<SpeechSummary>(outcome_);
}

void SpeechPipe::throw_failure() const {
  if (const auto* failure = std::get_if<SpeechFailure>(&outcome_)) failure->rethrow();
}

}  // namespace echo
