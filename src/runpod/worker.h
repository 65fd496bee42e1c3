// A worker of the platform's queue: takes jobs, has them done, reports them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/mutex.h"
#include "job/handler.h"
#include "net/http_client.h"
#include "runpod/endpoints.h"
#include "runpod/fitness.h"
#include "runpod/heartbeat.h"
#include "runpod/job_end.h"
#include "runpod/job_table.h"
#include "runpod/platform_client.h"
#include "runpod/worker_options.h"

namespace echo::runpod {

class JobRunner;

// How a worker becomes ready, in this order.
struct WorkerSetup {
  std::vector<FitnessCheck> system_checks;  // before anything is loaded
  std::function<Handler()> load;            // may take minutes; throws when it cannot be done
  std::vector<FitnessCheck> own_checks;     // of what was loaded: model files, a warm-up
  // Asked once, after that: jobs at once. Absent: as the options say.
  std::function<int()> concurrency = {};
  std::function<void()> ready = {};  // the first take is about to be made
  // Told of every job that the worker is done with. Threads: the jobs' own.
  std::function<void(const JobEnd&)> finished = {};
};

class Worker {
 public:
  // Ends the process at once; for tests something that returns.
  using ExitNow = std::function<void(int code)>;

  // `http` and `logger` must outlive the worker.
  Worker(WorkerOptions options, HttpClient& http, Logger& logger, ExitNow exit_now = {});
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Runs until it is told to shut down, and returns the exit code of the process: 0 after a
  // drain, 1 when it could not start or the device broke. Throws kInvalidArgument for options that
  // cannot serve. Once.
  int run(const WorkerSetup& setup);

  // First call: no new jobs, those at hand are finished and posted, then run() returns. Second
  // call: the process ends at once with 128 + signal. Threads: any, but not a signal handler.
  void request_shutdown(int signal = 0);

  // Return how many jobs the worker holds, and how many of them wait for a slot.
  size_t jobs() const { return table_.size(); }
  size_t queued() const { return table_.queued(); }

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  bool prepare(const WorkerSetup& setup, Handler* handler);
  bool fit(const std::vector<FitnessCheck>& checks);
  void serve(const Handler& handler, const WorkerSetup& setup);
  void run_slot(const JobRunner& runner, const WorkerSetup& setup);
  void after_job(const JobEnd& end);
  void watch(TimePoint now);
  void watch_job(ActiveJob& job, TimePoint now);
  void cut_off_jobs();
  void begin_drain();

  // Where the worker is between its start and its end; it only goes forward.
  enum class Phase {
    kStarting,  // nothing is at stake yet
    kServing,
    kRefreshing,  // a job asked for a new pod: no new jobs are taken
    kDraining,    // the jobs at hand are finished, none are taken
    kCutOff,      // the jobs were cancelled, the process is to end
  };
  // Enters a later phase; false if the worker is there or beyond.
  bool enter(Phase phase) ECHO_REQUIRES(mutex_);

  WorkerOptions options_;  // constant once the worker serves
  Logger& logger_;
  const ExitNow exit_now_;
  const Endpoints endpoints_;
  const PlatformClient client_;
  JobTable table_;
  Heartbeat heartbeat_;
  std::stop_source take_stop_;  // no new jobs

  Mutex mutex_;
  std::condition_variable_any changed_;
  Phase phase_ ECHO_GUARDED_BY(mutex_) = Phase::kStarting;
  TimePoint phase_since_ ECHO_GUARDED_BY(mutex_){};
  int signals_ ECHO_GUARDED_BY(mutex_) = 0;
  int slots_left_ ECHO_GUARDED_BY(mutex_) = 0;
  bool taker_done_ ECHO_GUARDED_BY(mutex_) = false;
  int exit_code_ ECHO_GUARDED_BY(mutex_) = 0;
  int fatal_jobs_ ECHO_GUARDED_BY(mutex_) = 0;  // in a row

  // Of the thread that runs the worker, alone.
  TimePoint last_look_{};
  bool stuck_ = false;
};

}  // namespace echo::runpod
