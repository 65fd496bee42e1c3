#include "runpod/worker.h"

#include <cstdlib>
#include <thread>

#include "base/error.h"
#include "runpod/job_runner.h"
#include "runpod/job_taker.h"
#include "runpod/reporter.h"
#include "runpod/stop_channel.h"

namespace echo::runpod {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr Milliseconds kLookEvery{100};      // at deadlines and the watchdog
constexpr Milliseconds kFrozenAfter{5'000};  // a look this late means the process was frozen

FinishedJob finished_job(const JobEnd& end, double seconds) {
  switch (end.cancelled) {
    case CancelReason::kStopped:
      return {"cancelled", "platform", seconds, end.format};
    case CancelReason::kShutdown:
      return {"cancelled", "shutdown", seconds, end.format};
    case CancelReason::kDeadline:
      return {"timed_out", "timeout", seconds, end.format};
    case CancelReason::kNone:
      break;
  }
  return {end.failed ? "failed" : "completed", "", seconds, end.format};
}

}  // namespace

Worker::Worker(WorkerOptions options, HttpClient& http, Logger& logger, ExitNow exit_now)
    : options_(std::move(options)),
      logger_(logger),
      exit_now_(exit_now ? std::move(exit_now) : ExitNow([](int code) { std::_Exit(code); })),
      endpoints_(options_),
      client_(http, options_),
      heartbeat_(client_, endpoints_, options_, table_, logger_) {}

int Worker::run(const WorkerSetup& setup) {
  logger_.plain("--- Starting Serverless Worker |  Version " + options_.protocol_version +
                " ---\n");
  check_worker_options(options_);
  Handler handler;
  if (!prepare(setup, &handler)) return 1;
  {
    const std::lock_guard lock(mutex_);
    if (draining_since_) return exit_code_;
    serving_ = true;
  }
  serve(handler, setup);
  return exit_code_;
}

bool Worker::prepare(const WorkerSetup& setup, Handler* handler) {
  if (!fit(setup.system_checks)) return false;
  try {
    *handler = setup.load();
  } catch (const std::exception& error) {
    const std::string reason = exception_message(error);
    logger_.error("Uncaught exception | " + reason);
    report_unhealthy(client_, endpoints_, options_, "load", "RuntimeError: " + reason);
    return false;
  }
  if (!fit(setup.own_checks)) return false;
  if (setup.concurrency) options_.concurrency = setup.concurrency();
  check_worker_options(options_);
  return true;
}

bool Worker::fit(const std::vector<FitnessCheck>& checks) {
  const auto failure = run_fitness_checks(checks, logger_);
  if (!failure) return true;
  report_unhealthy(client_, endpoints_, options_, failure->name, failure->reason);
  logger_.error("Worker is unhealthy, exiting.");
  exit_now_(1);  // a check may still hang
  return false;
}

void Worker::serve(const Handler& handler, const WorkerSetup& setup) {
  const Reporter reporter(client_, endpoints_, options_, logger_);
  const JobRunner runner(handler, reporter, options_, logger_);
  JobTaker taker(client_, endpoints_, reporter, options_, table_, logger_);
  StopChannel stop_channel(client_, endpoints_, options_, table_, logger_);

  if (setup.ready) setup.ready();
  slots_left_ = options_.concurrency;
  last_look_ = SteadyClock::now();
  heartbeat_.start();
  std::vector<std::jthread> slots;
  for (int i = 0; i < options_.concurrency; ++i) {
    slots.emplace_back([this, &runner, &setup] { run_slot(runner, setup); });
  }
  std::jthread stop_thread(
      [&stop_channel](std::stop_token stop) { stop_channel.run(std::move(stop)); });
  std::jthread take_thread([this, &taker] {
    taker.run(take_stop_.get_token());
    const std::lock_guard lock(mutex_);
    taker_done_ = true;
    changed_.notify_all();
  });

  std::unique_lock lock(mutex_);
  while (slots_left_ > 0) {
    // Only a taker that has ended has handed over everything the platform gave it.
    if (draining_since_ && taker_done_) table_.close();
    changed_.wait_for(lock, kLookEvery);
    lock.unlock();
    watch(SteadyClock::now());
    lock.lock();
  }
  lock.unlock();
  stop_thread.request_stop();
  for (std::jthread& slot : slots) slot.join();
  stop_thread.join();
  take_thread.join();
  heartbeat_.stop();  // last: the worker is alive until here
}

void Worker::run_slot(const JobRunner& runner, const WorkerSetup& setup) {
  while (const auto job = table_.next()) {
    const JobEnd end = runner.run(*job);
    if (setup.finished) {
      const std::chrono::duration<double> time = SteadyClock::now() - job->job.received;
      setup.finished(finished_job(end, time.count()));
    }
    after_job(end);
    table_.remove(*job);
    logger_.info("Jobs in progress: " + std::to_string(table_.size()));
  }
  const std::lock_guard lock(mutex_);
  --slots_left_;
  changed_.notify_all();
}

// Before the job leaves the table, so that no slot is free when the taking must end.
void Worker::after_job(const JobEnd& end) {
  if (options_.refresh_worker && end.ran) {
    begin_drain();
  } else if (end.stop_pod) {
    take_stop_.request_stop();
    const std::lock_guard lock(mutex_);
    if (!pod_stop_since_) pod_stop_since_ = SteadyClock::now();
  }
  bool broken = false;
  {
    const std::lock_guard lock(mutex_);
    if (end.fatal) {
      ++fatal_jobs_;
    } else if (end.ran) {
      fatal_jobs_ = 0;
    }
    broken =
        fatal_jobs_ >= options_.fatal_job_limit && options_.fatal_job_limit > 0 && exit_code_ == 0;
    if (broken) exit_code_ = 1;
  }
  if (broken) {
    logger_.error("The device or the process is broken, the worker ends. | " + end.fatal_reason);
    report_unhealthy(client_, endpoints_, options_, "engine", "RuntimeError: " + end.fatal_reason);
    begin_drain();
    cut_off_jobs();
  }
}

void Worker::request_shutdown(int signal) {
  std::optional<int> exit_code;
  {
    const std::lock_guard lock(mutex_);
    if (signal > 0) {
      logger_.debug("Received shutdown signal: " + std::to_string(signal) + ".");
      if (++signals_ > 1) exit_code = 128 + signal;
    }
    if (!exit_code && !serving_) {
      // Nothing is at stake, and what loads cannot be interrupted.
      draining_since_ = SteadyClock::now();
      exit_code = 0;
    }
  }
  if (exit_code) {
    exit_now_(*exit_code);
  } else {
    begin_drain();
  }
}

void Worker::begin_drain() {
  take_stop_.request_stop();
  const std::lock_guard lock(mutex_);
  if (draining_since_) return;
  logger_.debug("Kill worker.");
  draining_since_ = SteadyClock::now();
  changed_.notify_all();
}

// Leaves what is still here to the platform, which retries it on another worker.
void Worker::cut_off_jobs() {
  {
    const std::lock_guard lock(mutex_);
    if (cut_off_since_) return;
    cut_off_since_ = SteadyClock::now();
  }
  table_.cancel_all(CancelReason::kShutdown);
}

void Worker::watch(TimePoint now) {
  const WorkerTiming& timing = options_.timing;
  const bool frozen = now - last_look_ > kFrozenAfter;
  last_look_ = now;
  for (const auto& job : table_.all()) {
    if (frozen) job->sign_of_life();
    watch_job(*job, now);
  }

  std::unique_lock lock(mutex_);
  if (pod_stop_since_ && !draining_since_ && now - *pod_stop_since_ >= timing.refresh_wait) {
    lock.unlock();
    begin_drain();
    lock.lock();
  }
  const bool drain_over = draining_since_ && timing.drain_limit.count() > 0 &&
                          now - *draining_since_ >= timing.drain_limit;
  const bool must_end = cut_off_since_ && now - *cut_off_since_ >= timing.cancel_grace;
  lock.unlock();
  if (drain_over) cut_off_jobs();
  if (must_end) {
    logger_.error("A cancelled job does not return, the process ends without it.");
    exit_now_(exit_code_);
  }
}

void Worker::watch_job(ActiveJob& job, TimePoint now) {
  if (!job.running()) return;
  if (now >= job.deadline() && job.cancel_reason() == CancelReason::kNone) {
    logger_.warn("The job's time is up.", job.scope);
    job.cancel(CancelReason::kDeadline);
  }
  const WorkerTiming& timing = options_.timing;
  if (timing.watchdog.count() == 0 || job.silent_for(now) < timing.watchdog || stuck_) return;
  stuck_ = true;
  logger_.error("The job shows no sign of life, the worker ends.", job.scope);
  heartbeat_.stop();
  report_unhealthy(client_, endpoints_, options_, "watchdog",
                   "RuntimeError: a job shows no sign of life");
  exit_now_(1);
}

}  // namespace echo::runpod
