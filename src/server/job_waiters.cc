#include "server/job_waiters.h"

#include <utility>

namespace echo::server {

void JobWaiters::reach(const std::string& id, std::optional<Until> reached, Wakes& wakes) {
  let_go([&](const Waiter& one) { return one.id == id && satisfied(one.until, reached); }, wakes);
}

void JobWaiters::expire(TimePoint now, Wakes& wakes) {
  let_go([now](const Waiter& one) { return one.gone.stop_requested() || one.deadline <= now; },
         wakes);
}

void JobWaiters::let_go(const std::function<bool(const Waiter&)>& over, Wakes& wakes) {
  for (auto waiter = waiters_.begin(); waiter != waiters_.end();) {
    if (!over(*waiter)) {
      ++waiter;
      continue;
    }
    // Whatever a waiter holds goes without the lock too: its end may wait for somebody who waits
    // for it.
    if (waiter->gone.stop_requested()) {
      wakes.push_back([unused = std::move(waiter->wake)] {});
    } else {
      wakes.push_back(std::move(waiter->wake));
    }
    waiter = waiters_.erase(waiter);
  }
}

}  // namespace echo::server
