#include "server/work_queue.h"

#include <algorithm>
#include <utility>

namespace echo::server {

WorkQueue::WorkQueue(WorkQueueOptions options) : options_(options) {
  add_slots(std::max(1, options_.slots));
}

WorkQueue::~WorkQueue() {
  stop_all("unavailable: the process ends");
  for (std::jthread& thread : threads_) thread.request_stop();
}

void WorkQueue::add_slots(int count) {
  const MutexLock lock(mutex_);
  for (; slots_ < count; ++slots_) {
    threads_.emplace_back([this](std::stop_token stop) { work(stop); });
  }
}

void WorkQueue::open(int slots) {
  add_slots(slots);
  const MutexLock lock(mutex_);
  open_ = true;
  ready_.notify_all();
}

Added WorkQueue::add(Work work, Ticket* ticket) {
  auto unit = std::make_shared<Unit>(std::move(work));
  const MutexLock lock(mutex_);
  if (closed_) return Added::kClosed;
  if (waiting_.size() >= options_.capacity) return Added::kFull;
  if (ticket != nullptr) *ticket = unit;
  waiting_.push_back(std::move(unit));
  ready_.notify_one();
  return Added::kYes;
}

bool WorkQueue::withdraw(const Ticket& ticket) {
  const MutexLock lock(mutex_);
  const auto found = std::find(waiting_.begin(), waiting_.end(), ticket);
  if (found == waiting_.end()) return false;
  waiting_.erase(found);
  note_idle();
  return true;
}

void WorkQueue::close() {
  const MutexLock lock(mutex_);
  closed_ = true;
}

bool WorkQueue::closed() const {
  const MutexLock lock(mutex_);
  return closed_;
}

void WorkQueue::refuse_waiting(const std::string& reason) {
  std::deque<Ticket> refused;
  {
    const MutexLock lock(mutex_);
    closed_ = true;
    refused.swap(waiting_);
  }
  for (const Ticket& unit : refused) {
    if (unit->work_.refused) unit->work_.refused(reason);
  }
  const MutexLock lock(mutex_);
  note_idle();
}

void WorkQueue::stop_all(const std::string& reason) {
  refuse_waiting(reason);
  std::vector<Ticket> running;
  {
    const MutexLock lock(mutex_);
    running = running_;
  }
  // A stop callback runs on the thread that requests the stop: never under the lock.
  for (const Ticket& unit : running) unit->request_stop();
}

bool WorkQueue::wait_idle(std::chrono::milliseconds patience) {
  MutexLock lock(mutex_);
  return idle_.wait_for(lock, patience, [this]() ECHO_REQUIRES(mutex_) {
    return waiting_.empty() && running_.empty();
  });
}

WorkQueue::Counts WorkQueue::counts() const {
  const MutexLock lock(mutex_);
  return {waiting_.size(), running_.size(), slots_};
}

void WorkQueue::work(std::stop_token stop) {
  MutexLock lock(mutex_);
  while (ready_.wait(lock, stop,
                     [this]() ECHO_REQUIRES(mutex_) { return open_ && !waiting_.empty(); })) {
    const Ticket unit = waiting_.front();
    waiting_.pop_front();
    running_.push_back(unit);
    lock.unlock();
    unit->work_.run(unit->stop_token());
    // What the functions hold goes before the unit counts as done.
    unit->work_ = {};
    lock.lock();
    std::erase(running_, unit);
    note_idle();
  }
}

void WorkQueue::note_idle() {
  if (waiting_.empty() && running_.empty()) idle_.notify_all();
}

}  // namespace echo::server
