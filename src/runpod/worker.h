// A worker of the platform's queue: takes jobs, has them done, reports them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/log.h"
#include "job/handler.h"
#include "net/http_client.h"
#include "runpod/endpoints.h"
#include "runpod/fitness.h"
#include "runpod/heartbeat.h"
#include "runpod/job_table.h"
#include "runpod/platform_client.h"
#include "runpod/worker_options.h"

namespace echo::runpod {

class JobRunner;
struct JobEnd;

// A job that the worker is done with.
struct FinishedJob {
  const char* status;  // "completed", "failed", "cancelled", "timed_out"
  const char* cause;   // of the last two: "platform", "shutdown", "timeout"; else empty
  double seconds = 0;  // from its receipt to the resolved result
  std::string format;  // of the audio that was posted about; empty: none
};

// How a worker becomes ready, in this order.
struct WorkerSetup {
  std::vector<FitnessCheck> system_checks;  // before anything is loaded
  std::function<Handler()> load;            // may take minutes; throws when it cannot be done
  std::vector<FitnessCheck> own_checks;     // of what was loaded: model files, a warm-up
  // Asked once, after that: jobs at once. Absent: as the options say.
  std::function<int()> concurrency = {};
  std::function<void()> ready = {};  // the first take is about to be made
  // Threads: the jobs' own.
  std::function<void(const FinishedJob&)> finished = {};
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

  // Jobs that the worker holds, and those of them that wait for a slot.
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

  WorkerOptions options_;  // constant once the worker serves
  Logger& logger_;
  const ExitNow exit_now_;
  const Endpoints endpoints_;
  const PlatformClient client_;
  JobTable table_;
  Heartbeat heartbeat_;
  std::stop_source take_stop_;  // no new jobs

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  bool serving_ = false;
  int signals_ = 0;
  int slots_left_ = 0;
  bool taker_done_ = false;
  int exit_code_ = 0;
  int fatal_jobs_ = 0;  // in a row
  bool stuck_ = false;
  TimePoint last_look_{};
  std::optional<TimePoint> draining_since_;  // jobs are finished, none taken
  std::optional<TimePoint> pod_stop_since_;  // a job asked for a new pod
  std::optional<TimePoint> cut_off_since_;   // jobs were cancelled, the process is to end
};

}  // namespace echo::runpod
