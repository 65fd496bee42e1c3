#include "http/background_thread.h"

#include <utility>

namespace echo::http {

BackgroundThread::BackgroundThread(std::size_t capacity)
    : capacity_(capacity), thread_([this](std::stop_token stop) { run(std::move(stop)); }) {}

BackgroundThread::~BackgroundThread() = default;

bool BackgroundThread::post(std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  if (waiting_.size() >= capacity_) return false;
  waiting_.push_back(std::move(work));
  posted_.notify_one();
  return true;
}

void BackgroundThread::run(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (posted_.wait(lock, stop, [this] { return !waiting_.empty(); }) && !stop.stop_requested()) {
    {
      const std::function<void()> work = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      work();
    }
    lock.lock();
  }
}

}  // namespace echo::http
