// Work that takes turns: a bounded queue, and slots that do so many units of it at once. Jobs and
// streams of the API share one, so a limit on the work at once holds for both together.
//
//   WorkQueue queue({.slots = 2, .capacity = 100});
//   queue.open();
//   WorkQueue::Ticket ticket;
//   if (queue.add({[&](std::stop_token stop) { speak(stop); }}, &ticket) != Added::kYes) refuse();
//   ...
//   if (!queue.withdraw(ticket)) ticket->request_stop();  // it runs: it has to see for itself
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace echo::server {

struct WorkQueueOptions {
  int slots = 1;          // units at once
  size_t capacity = 100;  // units that wait
};

// One unit of work.
struct Work {
  // Does the work on a thread of the queue. `stop` is requested when the work is no longer wanted.
  // Must not throw.
  std::function<void(std::stop_token stop)> run;
  // Called instead, with the reason, when the queue will never start the work; may be empty. Called
  // without a lock held, on the thread that decides so.
  std::function<void(const std::string& reason)> refused = {};
};

enum class Added { kYes, kFull, kClosed };

// Threads: every function may be called from any thread.
class WorkQueue {
 public:
  // A unit that was added. request_stop() asks it to stop once it runs.
  class Unit {
   public:
    explicit Unit(Work work) : work_(std::move(work)) {}
    void request_stop() { stop_.request_stop(); }
    bool stop_requested() const { return stop_.stop_requested(); }
    std::stop_token stop_token() const { return stop_.get_token(); }

   private:
    friend class WorkQueue;
    Work work_;
    std::stop_source stop_;
  };
  using Ticket = std::shared_ptr<Unit>;

  struct Counts {
    size_t waiting = 0;
    size_t running = 0;
    int slots = 0;
  };

  explicit WorkQueue(WorkQueueOptions options);
  // Refuses what waits, asks what runs to stop, and waits for it to return.
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  // Lets work start. From then on at least `slots` units run at once; without an argument as many
  // as the options say. Not from two threads at once.
  void open(int slots = 0);

  // Puts work at the end of the queue, if there is room. `ticket`, if it is not null, is set before
  // the work starts.
  Added add(Work work, Ticket* ticket = nullptr);

  // Takes a unit that waits out of the queue: nothing of it will be called. Returns false when it
  // does not wait any more.
  bool withdraw(const Ticket& ticket);

  // Takes no new work.
  void close();
  bool closed() const;
  // Closes, and refuses what waits.
  void refuse_waiting(const std::string& reason);
  // The same, and asks what runs to stop.
  void stop_all(const std::string& reason);
  // Waits until nothing waits or runs. Returns false when the time is over.
  bool wait_idle(std::chrono::milliseconds patience);

  Counts counts() const;

 private:
  void add_slots(int count);
  void work(std::stop_token stop);
  void note_idle() ECHO_REQUIRES(mutex_);

  const WorkQueueOptions options_;
  mutable Mutex mutex_;
  std::condition_variable_any ready_;  // a unit waits, or the queue is open
  std::condition_variable_any idle_;
  bool open_ ECHO_GUARDED_BY(mutex_) = false;
  bool closed_ ECHO_GUARDED_BY(mutex_) = false;
  std::deque<Ticket> waiting_ ECHO_GUARDED_BY(mutex_);
  std::vector<Ticket> running_ ECHO_GUARDED_BY(mutex_);
  int slots_ ECHO_GUARDED_BY(mutex_) = 0;
  std::vector<std::jthread> threads_;  // last: they use all of the above
};

}  // namespace echo::server
