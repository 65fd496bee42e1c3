#include "base/line_queue.h"

#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace echo {
namespace {

constexpr std::size_t kQueueBytes = 1 << 20;
constexpr std::chrono::milliseconds kMoment{50};
constexpr std::chrono::seconds kFarewell{2};

}  // namespace

class LineQueue::State {
 public:
  State(Write write, Missing missing) : write_(std::move(write)), missing_(std::move(missing)) {}

  void add(std::string_view line) {
    std::unique_lock lock(mutex_);
    if (queued_bytes_ + line.size() > kQueueBytes) {
      ++dropped_;
      return;
    }
    queued_bytes_ += line.size();
    lines_.emplace_back(line);
    changed_.notify_all();
    if (!late_) late_ = !changed_.wait_for(lock, kMoment, [&] { return idle(); });
  }

  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return closing_ || !lines_.empty(); });
      if (lines_.empty()) break;
      std::string line = std::move(lines_.front());
      lines_.pop_front();
      queued_bytes_ -= line.size();
      busy_ = true;
      // What was dropped came after all that still waits.
      const std::size_t dropped = lines_.empty() ? std::exchange(dropped_, 0) : 0;
      lock.unlock();
      write_(line);
      if (dropped > 0) write_(missing_(dropped));
      lock.lock();
      busy_ = false;
      if (idle()) late_ = false;
      changed_.notify_all();
    }
    closed_ = true;
    changed_.notify_all();
  }

  void close() {
    std::unique_lock lock(mutex_);
    closing_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, kFarewell, [&] { return closed_; });
  }

 private:
  bool idle() const { return lines_.empty() && !busy_; }

  const Write write_;
  const Missing missing_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> lines_;
  std::size_t queued_bytes_ = 0;
  std::size_t dropped_ = 0;
  bool busy_ = false, late_ = false, closing_ = false, closed_ = false;
};

LineQueue::LineQueue(Write write, Missing missing)
    : state_(std::make_shared<State>(std::move(write), std::move(missing))) {
  // Signals belong to the threads that wait for them.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread([state = state_] { state->run(); }).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

LineQueue::~LineQueue() { state_->close(); }

void LineQueue::add(std::string_view line) { state_->add(line); }

}  // namespace echo
