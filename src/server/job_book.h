// The jobs of the API: what is remembered of each until its time is over, who waits for it, and the
// pieces of its output. They take turns with other work in a WorkQueue.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/mutex.h"
#include "job/handler.h"
#include "runpod/result_body.h"
#include "server/job_state.h"
#include "server/job_waiters.h"
#include "server/work_queue.h"

namespace echo::server {

struct JobBookOptions {
  using Milliseconds = std::chrono::milliseconds;

  size_t max_finished = 10'000;          // finished jobs that are remembered
  size_t max_bytes = size_t{512} << 20;  // of all inputs and outputs, as they are held
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
  size_t bytes = 0;  // what the document takes (held_bytes)
  std::optional<std::chrono::milliseconds> execution_timeout, ttl;
  std::function<void(const JobView&)> finished;  // called each time that the job is over
};

enum class Retried { kYes, kUnknown, kNotFailed, kFull, kClosed };

struct JobCounts {
  size_t queued = 0;
  size_t running = 0;
  size_t completed = 0, failed = 0, retried = 0;  // ever
  size_t held = 0;                                // calls of when() that wait
};

// Threads: every function may be called from any thread. Callbacks come from any thread, without a
// lock held.
class JobBook {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Milliseconds = std::chrono::milliseconds;

  struct Hooks {
    std::function<void(const JobView&)> finished;          // for every job that is over
    std::function<void(const std::string& reason)> fatal;  // the device or process is broken
  };

  // The references must outlive the book.
  JobBook(JobBookOptions options, Hooks hooks, WorkQueue& queue, Logger& logger, Clock& clock);
  // Cancels what is there and waits for handlers to return.
  ~JobBook();
  JobBook(const JobBook&) = delete;
  JobBook& operator=(const JobBook&) = delete;

  // What does the jobs; to be set before the queue is opened. A later one does the jobs that start
  // from then on.
  void set_handler(Handler handler);

  Added submit(Submission submission);
  std::optional<JobView> find(const std::string& id);
  // The same with the stream's pieces since the last call, which are handed out once.
  std::optional<JobView> take_pieces(const std::string& id);

  using Until = JobWaiters::Until;
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

  JobCounts counts() const;

  // Cancels every job that is not over.
  void cancel_all();

  // Looks after everything that is due by the clock; a thread of the book does so by itself.
  void tick();

 private:
  class Context;
  struct Attempt;
  struct Record;
  using Records = std::map<std::string, std::shared_ptr<Record>>;

  void keep_time(std::stop_token stop);
  void run(const std::shared_ptr<Record>& record, int turn);
  std::shared_ptr<Attempt> start(const std::shared_ptr<Record>& record, int turn, Handler* handler);
  void refuse(const std::shared_ptr<Record>& record, int turn, const std::string& reason);
  void leave() ECHO_REQUIRES(mutex_);
  bool set_progress(Attempt& attempt, std::string text);
  bool add_piece(Attempt& attempt, const Json& piece);
  void finish(const std::shared_ptr<Attempt>& attempt, const JobOutcome& outcome);

  std::shared_ptr<Record> record(const std::string& id) const ECHO_REQUIRES(mutex_);
  JobView view(const Record& record) const ECHO_REQUIRES(mutex_);
  Added enqueue(const std::shared_ptr<Record>& record) ECHO_REQUIRES(mutex_);
  void leave_queue(Record& record) ECHO_REQUIRES(mutex_);
  void end(Record& record, JobState state, std::string error, Wakes& wakes) ECHO_REQUIRES(mutex_);
  void stop_attempt(Record& record, Wakes& wakes) ECHO_REQUIRES(mutex_);
  void drop(const std::shared_ptr<Record>& record, Wakes& wakes) ECHO_REQUIRES(mutex_);
  void wake_waiters(const std::string& id, Wakes& wakes) ECHO_REQUIRES(mutex_);
  std::optional<Until> reached(const std::string& id) const ECHO_REQUIRES(mutex_);
  bool current(const Attempt& attempt) const ECHO_REQUIRES(mutex_);
  void make_room(size_t bytes, Wakes& wakes) ECHO_REQUIRES(mutex_);
  void resize(Record& record, size_t bytes) ECHO_REQUIRES(mutex_);
  size_t result_limit(JobKind kind) const;
  Milliseconds keep_time_of(JobKind kind) const;

  const JobBookOptions options_;
  const Hooks hooks_;
  WorkQueue& queue_;
  Logger& logger_;
  Clock& clock_;

  mutable Mutex mutex_;
  std::condition_variable_any timed_;  // there is something to look after
  std::condition_variable_any left_;   // no unit of the queue is a job's any more
  Handler handler_ ECHO_GUARDED_BY(mutex_);
  Records records_ ECHO_GUARDED_BY(mutex_);
  std::deque<std::shared_ptr<Record>> finished_
      ECHO_GUARDED_BY(mutex_);  // in the order of their end
  JobWaiters waiters_ ECHO_GUARDED_BY(mutex_);
  size_t bytes_ ECHO_GUARDED_BY(mutex_) = 0;
  size_t units_ ECHO_GUARDED_BY(mutex_) = 0;  // of the queue that are jobs, waiting or running
  JobCounts totals_ ECHO_GUARDED_BY(mutex_);
  TimePoint due_ ECHO_GUARDED_BY(mutex_) = TimePoint::max();
  std::jthread clockwork_;  // last: it uses all of the above
};

}  // namespace echo::server
