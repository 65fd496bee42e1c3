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
    const MutexLock lock(mutex_);
    if (!enter(Phase::kServing)) return exit_code_;
  }
  serve(handler, setup);
  const MutexLock lock(mutex_);
  return exit_code_;
}

bool Worker::enter(Phase phase) {
  if (phase <= phase_) return false;
  phase_ = phase;
  phase_since_ = SteadyClock::now();
  changed_.notify_all();
  return true;
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
  {
    const MutexLock lock(mutex_);
    slots_left_ = options_.concurrency;
  }
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
    const MutexLock lock(mutex_);
    taker_done_ = true;
    changed_.notify_all();
  });

  MutexLock lock(mutex_);
  while (slots_left_ > 0) {
    // Only a taker that has ended has handed over everything the platform gave it.
    if (phase_ >= Phase::kDraining && taker_done_) table_.close();
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
    JobEnd end = runner.run(*job);
    end.seconds = std::chrono::duration<double>(SteadyClock::now() - job->job.received).count();
    if (setup.finished) setup.finished(end);
    after_job(end);
    table_.remove(*job);
    logger_.info("Jobs in progress: " + std::to_string(table_.size()));
  }
  const MutexLock lock(mutex_);
  --slots_left_;
  changed_.notify_all();
}

// Before the job leaves the table, so that no slot is free when the taking must end.
void Worker::after_job(const JobEnd& end) {
  if (options_.refresh_worker && end.ran) {
    begin_drain();
  } else if (end.stop_pod) {
    take_stop_.request_stop();
    const MutexLock lock(mutex_);
    enter(Phase::kRefreshing);
  }
  bool broken = false;
  {
    const MutexLock lock(mutex_);
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
    const MutexLock lock(mutex_);
    if (signal > 0) {
      logger_.debug("Received shutdown signal: " + std::to_string(signal) + ".");
      if (++signals_ > 1) exit_code = 128 + signal;
    }
    if (!exit_code && phase_ == Phase::kStarting) {
      // Nothing is at stake, and what loads cannot be interrupted.
      enter(Phase::kDraining);
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
  const MutexLock lock(mutex_);
  if (enter(Phase::kDraining)) logger_.debug("Kill worker.");
}

// Leaves what is still here to the platform, which retries it on another worker.
void Worker::cut_off_jobs() {
  {
    const MutexLock lock(mutex_);
    if (!enter(Phase::kCutOff)) return;
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

  MutexLock lock(mutex_);
  const Phase phase = phase_;
  const auto spent = now - phase_since_;
  const int exit_code = exit_code_;
  lock.unlock();
  if (phase == Phase::kRefreshing && spent >= timing.refresh_wait) begin_drain();
  if (phase == Phase::kDraining && timing.drain_limit.count() > 0 && spent >= timing.drain_limit) {
    cut_off_jobs();
  }
  if (phase == Phase::kCutOff && spent >= timing.cancel_grace) {
    logger_.error("A cancelled job does not return, the process ends without it.");
    exit_now_(exit_code);
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
