#include "runpod/outbox.h"

namespace echo::runpod {

using SteadyClock = std::chrono::steady_clock;

Outbox::Outbox(const Reporter& reporter, const ActiveJob& job, Milliseconds progress_interval,
               size_t queue_limit)
    : reporter_(reporter),
      job_(job),
      progress_interval_(progress_interval),
      queue_limit_(std::max<size_t>(queue_limit, 1)) {}

Outbox::~Outbox() {
  finish();
  if (thread_.joinable()) thread_.join();
}

void Outbox::progress(std::string body) {
  const std::lock_guard lock(mutex_);
  if (finished_ || job_.silenced()) return;
  update_ = std::move(body);
  wake_thread();
}

bool Outbox::piece(std::string body) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, job_.silence_token(),
                [this] { return finished_ || pieces_.size() < queue_limit_; });
  if (finished_ || job_.silenced()) return false;
  pieces_.push_back(std::move(body));
  wake_thread();
  return true;
}

void Outbox::finish() {
  std::unique_lock lock(mutex_);
  finished_ = true;
  update_.reset();
  changed_.notify_all();
  changed_.wait(lock, job_.silence_token(), [this] { return !posting_ && pieces_.empty(); });
}

// Called with the lock held.
void Outbox::wake_thread() {
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  changed_.notify_all();
}

void Outbox::post(std::unique_lock<std::mutex>& lock, const std::function<void()>& send) {
  posting_ = true;
  changed_.notify_all();
  lock.unlock();
  send();
  lock.lock();
  posting_ = false;
  changed_.notify_all();
}

void Outbox::run() {
  const std::stop_token silence = job_.silence_token();
  std::unique_lock lock(mutex_);
  while (!silence.stop_requested()) {
    if (!pieces_.empty()) {
      const std::string body = std::move(pieces_.front());
      pieces_.pop_front();
      post(lock, [&] { reporter_.post_piece(job_, body); });
    } else if (finished_) {
      return;
    } else if (update_ && SteadyClock::now() >= next_update_) {
      const std::string body = *std::exchange(update_, std::nullopt);
      next_update_ = SteadyClock::now() + progress_interval_;
      post(lock, [&] { reporter_.post_progress(job_, body); });
    } else if (update_) {
      changed_.wait_until(lock, silence, next_update_,
                          [this] { return finished_ || !pieces_.empty(); });
    } else {
      changed_.wait(lock, silence, [this] { return finished_ || update_ || !pieces_.empty(); });
    }
  }
}

}  // namespace echo::runpod
