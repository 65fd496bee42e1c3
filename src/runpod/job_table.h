// The jobs that a worker holds: queued, running, or being reported.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "base/worker_log.h"
#include "job/job.h"

namespace echo::runpod {

// Why a job is no longer wanted.
enum class CancelReason {
  kNone,
  kStopped,   // the platform named it on the stop channel: post nothing
  kDeadline,  // its time is up: post an error
  kShutdown,  // the process ends before it could finish: post nothing, the platform retries it
};

// A job on its way through the worker. Threads: any.
class ActiveJob {
 public:
  ActiveJob(Job job_in, std::chrono::milliseconds limit);

  const Job job;
  const LogScope scope;
  const std::chrono::milliseconds limit;  // longest run; zero without a limit

  // The first reason stays, except that a deadline gives way to a reason to post nothing.
  void cancel(CancelReason reason);
  CancelReason cancel_reason() const { return reason_; }

  // Requested for every reason.
  std::stop_token stop_token() const { return stop_.get_token(); }
  // Requested when nothing is to be posted any more.
  std::stop_token silence_token() const { return silence_.get_token(); }
  bool silenced() const { return silence_.stop_requested(); }

  // The handler starts now, and its time with it.
  void start();
  bool running() const { return running_; }
  std::chrono::steady_clock::time_point deadline() const;

  // The handler has returned; what follows is the worker's own business.
  void handler_returned() { running_ = false; }

  void sign_of_life();
  std::chrono::steady_clock::duration silent_for(std::chrono::steady_clock::time_point now) const;

 private:
  using Ticks = std::chrono::steady_clock::rep;

  std::stop_source stop_;
  std::stop_source silence_;
  std::atomic<CancelReason> reason_{CancelReason::kNone};
  std::atomic<bool> running_{false};
  std::atomic<Ticks> deadline_;
  std::atomic<Ticks> last_sign_{0};
};

// Threads: any. No lock is held while a job runs.
class JobTable {
 public:
  // Adds a job to the queue. False if a job of that id is already here.
  bool add(std::shared_ptr<ActiveJob> job);

  // The next queued job, waiting for one; null once the table is closed and the queue empty.
  std::shared_ptr<ActiveJob> next();

  // Forgets a job: its result is posted or given up.
  void remove(const ActiveJob& job);

  // Cancels a job for `reason`; a queued one is taken out at once. Null if the id is unknown.
  std::shared_ptr<ActiveJob> cancel(const std::string& id, CancelReason reason);
  void cancel_all(CancelReason reason);

  // After this, next() returns null as soon as the queue is empty.
  void close();

  size_t size() const;  // queued, running and being reported
  size_t queued() const;
  std::vector<std::string> ids() const;
  std::vector<std::shared_ptr<ActiveJob>> all() const;

  // Waits until fewer than `limit` jobs are here, stop is requested, or the time is over.
  void wait_below(size_t limit, std::stop_token stop, std::chrono::milliseconds time);

 private:
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::shared_ptr<ActiveJob>> queue_;
  std::vector<std::shared_ptr<ActiveJob>> jobs_;
  bool closed_ = false;
};

}  // namespace echo::runpod
