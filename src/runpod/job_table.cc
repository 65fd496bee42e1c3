#include "runpod/job_table.h"

#include <algorithm>

namespace echo::runpod {
namespace {

using SteadyClock = std::chrono::steady_clock;

bool posts_nothing(CancelReason reason) {
  return reason == CancelReason::kStopped || reason == CancelReason::kShutdown;
}

SteadyClock::rep now_ticks() { return SteadyClock::now().time_since_epoch().count(); }

}  // namespace

ActiveJob::ActiveJob(Job job_in, std::chrono::milliseconds limit_in)
    : job(std::move(job_in)),
      scope{job.id(), job.batch_id()},
      limit(limit_in),
      deadline_(SteadyClock::time_point::max().time_since_epoch().count()) {}

void ActiveJob::cancel(CancelReason reason) {
  CancelReason before = reason_;
  while (before == CancelReason::kNone ||
         (before == CancelReason::kDeadline && posts_nothing(reason))) {
    if (reason_.compare_exchange_weak(before, reason)) break;
  }
  if (posts_nothing(reason)) silence_.request_stop();
  stop_.request_stop();
}

void ActiveJob::start() {
  sign_of_life();
  if (limit.count() > 0) deadline_ = (SteadyClock::now() + limit).time_since_epoch().count();
  running_ = true;
}

SteadyClock::time_point ActiveJob::deadline() const {
  return SteadyClock::time_point(SteadyClock::duration(deadline_.load()));
}

void ActiveJob::sign_of_life() { last_sign_ = now_ticks(); }

SteadyClock::duration ActiveJob::silent_for(SteadyClock::time_point now) const {
  return now - SteadyClock::time_point(SteadyClock::duration(last_sign_.load()));
}

bool JobTable::add(std::shared_ptr<ActiveJob> job) {
  const std::lock_guard lock(mutex_);
  const bool known = std::any_of(jobs_.begin(), jobs_.end(), [&](const auto& other) {
    return other->job.id() == job->job.id();
  });
  if (known) return false;
  jobs_.push_back(job);
  queue_.push_back(std::move(job));
  changed_.notify_all();
  return true;
}

std::shared_ptr<ActiveJob> JobTable::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return closed_ || !queue_.empty(); });
  if (queue_.empty()) return nullptr;
  auto job = std::move(queue_.front());
  queue_.pop_front();
  return job;
}

void JobTable::remove(const ActiveJob& job) {
  const std::lock_guard lock(mutex_);
  std::erase_if(jobs_, [&](const auto& other) { return other.get() == &job; });
  changed_.notify_all();
}

std::shared_ptr<ActiveJob> JobTable::cancel(const std::string& id, CancelReason reason) {
  std::shared_ptr<ActiveJob> found;
  {
    const std::lock_guard lock(mutex_);
    const auto same = [&](const auto& job) { return job->job.id() == id; };
    const auto job = std::find_if(jobs_.begin(), jobs_.end(), same);
    if (job == jobs_.end()) return nullptr;
    found = *job;
    const auto queued = std::find(queue_.begin(), queue_.end(), found);
    if (queued != queue_.end()) {
      queue_.erase(queued);
      jobs_.erase(job);
      changed_.notify_all();
    }
  }
  found->cancel(reason);  // outside the lock: it may run callbacks
  return found;
}

void JobTable::cancel_all(CancelReason reason) {
  for (const std::string& id : ids()) cancel(id, reason);
}

void JobTable::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

size_t JobTable::size() const {
  const std::lock_guard lock(mutex_);
  return jobs_.size();
}

size_t JobTable::queued() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

std::vector<std::string> JobTable::ids() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> result;
  for (const auto& job : jobs_) result.push_back(job->job.id());
  return result;
}

std::vector<std::shared_ptr<ActiveJob>> JobTable::all() const {
  const std::lock_guard lock(mutex_);
  return jobs_;
}

void JobTable::wait_below(size_t limit, std::stop_token stop, std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::move(stop), time, [&] { return jobs_.size() < limit; });
}

}  // namespace echo::runpod
