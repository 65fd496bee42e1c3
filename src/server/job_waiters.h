// Who waits for something to be told of a job: requests that are held.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace echo::server {

// What is to be called once a lock is no longer held.
using Wakes = std::vector<std::function<void()>>;

// Threads: one at a time; whoever owns it has a lock.
class JobWaiters {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // What is waited for; who waits for pieces is content with the end.
  enum class Until { kPiecesOrFinal, kFinal };

  struct Waiter {
    std::string id;  // of the job
    Until until = Until::kFinal;
    TimePoint deadline;
    std::stop_token gone;        // requested: nobody waits any more
    std::function<void()> wake;  // called once, unless the waiter is gone
  };

  // Whether who waits for `until` need not wait, when a job has got so far; nothing: not far.
  static bool satisfied(Until until, std::optional<Until> reached) {
    return reached && *reached >= until;
  }

  void add(Waiter waiter) { waiters_.push_back(std::move(waiter)); }

  // Lets those go who wait for that job and need not any more.
  void reach(const std::string& id, std::optional<Until> reached, Wakes& wakes);
  // Lets those go whose time is over, and those who are gone.
  void expire(TimePoint now, Wakes& wakes);

  bool empty() const { return waiters_.empty(); }
  size_t size() const { return waiters_.size(); }

 private:
  void let_go(const std::function<bool(const Waiter&)>& over, Wakes& wakes);

  std::list<Waiter> waiters_;
};

}  // namespace echo::server
