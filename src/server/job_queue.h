// The jobs of the local API: a bounded queue, threads that run the handler, and what is remembered
// of each job until its time is over.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "job/handler.h"
#include "runpod/result_body.h"
#include "server/job_state.h"

namespace echo::server {

struct JobQueueOptions {
  using Milliseconds = std::chrono::milliseconds;

  int concurrency = 1;                   // jobs at once
  size_t capacity = 100;                 // jobs that wait
  size_t max_finished = 10'000;          // finished jobs that are remembered
  size_t max_bytes = size_t{512} << 20;  // of all inputs and outputs held
  Milliseconds keep_run{30 * 60'000};    // a finished job's result is kept this long
  Milliseconds keep_runsync{60'000};
  Milliseconds execution_timeout{600'000};  // where the job does not say
  Milliseconds ttl{24 * 3'600'000};         // the same, from its submission
  size_t run_result = 10'000'000;           // bytes of one result
  size_t runsync_result = 20'000'000;
  size_t stream_piece = 1'000'000;
  bool collect_stream = true;       // a streaming job's output repeats its pieces
  Milliseconds tick{100};           // how exactly timeouts are kept
  runpod::WorkerIdentity identity;  // for reports of exceptions
};

struct Submission {
  JobKind kind = JobKind::kRun;
  std::string id;    // unique
  Json document;     // what the handler sees; with `id` and `input`
  size_t bytes = 0;  // of the request
  std::optional<std::chrono::milliseconds> execution_timeout, ttl;
  std::function<void(const JobView&)> finished;  // called each time that the job is over
};

enum class Submitted { kYes, kFull, kClosed };
enum class Retried { kYes, kUnknown, kNotFailed, kFull, kClosed };

struct QueueCounts {
  size_t queued = 0;
  size_t running = 0;
  size_t completed = 0, failed = 0, retried = 0;  // ever
  size_t held = 0;                                // calls of when() that wait
};

// Threads: every function may be called from any thread. Callbacks come from any thread, without a
// lock held.
class JobQueue {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Milliseconds = std::chrono::milliseconds;

  struct Hooks {
    std::function<void(const JobView&)> finished;          // for every job that is over
    std::function<void(const std::string& reason)> fatal;  // the device or process is broken
  };

  // `logger` and `clock` must outlive the queue.
  JobQueue(JobQueueOptions options, Hooks hooks, Logger& logger, Clock& clock);
  // Cancels what is there and waits for handlers to return.
  ~JobQueue();
  JobQueue(const JobQueue&) = delete;
  JobQueue& operator=(const JobQueue&) = delete;

  // Jobs wait until there is a handler. From then on at least `concurrency` of them run at once.
  // Not from two threads at once.
  void set_handler(Handler handler, int concurrency = 0);

  Submitted submit(Submission submission);
  std::optional<JobView> find(const std::string& id);
  // The same with the stream's pieces since the last call, which are handed out once.
  std::optional<JobView> take_pieces(const std::string& id);

  enum class Until { kFinal, kPiecesOrFinal };
  // Calls `wake` once: when the job has got there, is unknown, or at `deadline`. Not when `gone` is
  // requested meanwhile. May call it at once, on this thread.
  void when(const std::string& id, Until until, TimePoint deadline, std::stop_token gone,
            std::function<void()> wake);

  // The job as it is then; a finished one stays as it was. Nothing: unknown.
  std::optional<JobView> cancel(const std::string& id);
  Retried retry(const std::string& id);
  // Cancels the jobs that wait; returns how many.
  size_t purge();
  // Forgets a finished job at once, or after a time of the caller's choice.
  void forget(const std::string& id, Milliseconds after = Milliseconds(0));

  QueueCounts counts() const;

  // No new jobs.
  void close();
  // Fails the jobs that wait, and closes.
  void fail_all(const std::string& error);
  // Waits until no job is left to do; false when the time is over.
  bool wait_idle(Milliseconds patience);
  // Cancels every job that is not over.
  void cancel_all();

  // Looks after everything that is due by the clock; a thread of the queue does so by itself.
  void tick();

 private:
  class Context;
  struct Attempt;
  struct Record;
  struct Waiter;
  using Records = std::map<std::string, std::shared_ptr<Record>>;
  using Wakes = std::vector<std::function<void()>>;

  void add_slots(int count);
  void run_jobs(std::stop_token stop);
  void keep_time(std::stop_token stop);
  std::shared_ptr<Attempt> next_attempt(std::stop_token stop);
  void run(const std::shared_ptr<Attempt>& attempt, const Handler& handler);
  JobOutcome call(Attempt& attempt, const Handler& handler, Context& context);
  bool set_progress(Attempt& attempt, std::string text);
  bool add_piece(Attempt& attempt, const Json& piece);
  void finish(const std::shared_ptr<Attempt>& attempt, JobOutcome outcome);

  // With mutex_ held.
  std::shared_ptr<Record> record(const std::string& id) const;
  JobView view(const Record& record) const;
  void enqueue(const std::shared_ptr<Record>& record);
  void leave_queue(const Record& record);
  void end(Record& record, JobState state, std::string error, Wakes& wakes);
  void stop_attempt(Record& record, Wakes& wakes);
  void drop(const std::shared_ptr<Record>& record, Wakes& wakes);
  void wake_waiters(const std::string& id, Wakes& wakes);
  bool satisfied(const Waiter& waiter) const;
  bool current(const Attempt& attempt) const;
  void make_room(size_t bytes, Wakes& wakes);
  void resize(Record& record, size_t bytes);
  size_t result_limit(JobKind kind) const;
  Milliseconds keep_time_of(JobKind kind) const;

  const JobQueueOptions options_;
  const Hooks hooks_;
  Logger& logger_;
  Clock& clock_;

  mutable std::mutex mutex_;
  std::condition_variable_any work_;   // a job waits, or there is a handler
  std::condition_variable_any timed_;  // there is something to look after
  std::condition_variable idle_;
  Handler handler_;
  bool closed_ = false;
  Records records_;
  std::deque<std::shared_ptr<Record>> queue_;
  std::deque<std::shared_ptr<Record>> finished_;  // in the order of their end
  std::list<Waiter> waiters_;
  size_t bytes_ = 0;
  size_t running_ = 0;  // handlers that have not returned
  QueueCounts totals_;
  TimePoint due_ = TimePoint::max();
  int slots_ = 0;
  std::vector<std::jthread> threads_;  // last: they use all of the above
};

}  // namespace echo::server
