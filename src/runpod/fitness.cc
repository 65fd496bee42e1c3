#include "runpod/fitness.h"

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <thread>

#include "runpod/result_body.h"

namespace echo::runpod {
namespace {

using SteadyClock = std::chrono::steady_clock;

std::string milliseconds_text(SteadyClock::duration duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2fms",
                std::chrono::duration<double, std::milli>(duration).count());
  return text;
}

// Shared with the check's thread, which may outlive the wait for it.
struct Verdict {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  std::string failure;
};

// The failure of one check, empty if it passed.
std::string run_check(const FitnessCheck& check) {
  auto verdict = std::make_shared<Verdict>();
  std::thread([verdict, function = check.check] {
    std::string failure;
    try {
      function();
    } catch (const std::exception& error) {
      failure = "RuntimeError: " + exception_message(error);
    } catch (...) {
      failure = "RuntimeError: unknown exception";
    }
    const std::lock_guard lock(verdict->mutex);
    verdict->failure = std::move(failure);
    verdict->done = true;
    verdict->changed.notify_all();
  }).detach();

  std::unique_lock lock(verdict->mutex);
  if (!verdict->changed.wait_for(lock, check.limit, [&] { return verdict->done; })) {
    return "TimeoutError: no result after " + std::to_string(check.limit.count()) + " ms";
  }
  return verdict->failure;
}

}  // namespace

std::optional<FitnessFailure> run_fitness_checks(const std::vector<FitnessCheck>& checks,
                                                 Logger& logger) {
  if (checks.empty()) return std::nullopt;
  const auto begin = SteadyClock::now();
  logger.info("Running " + std::to_string(checks.size()) + " fitness check(s)...");
  for (const FitnessCheck& check : checks) {
    logger.debug("Executing fitness check: " + check.name);
    const auto start = SteadyClock::now();
    const std::string failure = run_check(check);
    if (failure.empty()) {
      logger.debug("Fitness check passed: " + check.name + " (" +
                   milliseconds_text(SteadyClock::now() - start) + ")");
    } else if (check.advisory) {
      logger.warn("Fitness check failed, which is only advice: " + check.name + " | " + failure);
    } else {
      logger.error("Fitness check failed: " + check.name + " | " + failure);
      return FitnessFailure{check.name, failure};
    }
  }
  logger.info("All fitness checks passed. (" + milliseconds_text(SteadyClock::now() - begin) + ")");
  return std::nullopt;
}

}  // namespace echo::runpod
