// Checks that a worker makes before it takes jobs.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "runpod/worker_options.h"

namespace echo::runpod {

struct FitnessCheck {
  std::string name;             // what the platform is told
  std::function<void()> check;  // throws std::exception when the machine is not fit
  bool advisory = false;        // a failure is a warning
  Milliseconds limit{60'000};   // a check that takes longer has failed
};

struct FitnessFailure {
  std::string name;
  std::string reason;  // "RuntimeError: ..."
};

// Runs the checks one after the other, each on a thread of its own so that one which hangs cannot
// hold the worker. The first binding failure, logged, or nothing.
std::optional<FitnessFailure> run_fitness_checks(const std::vector<FitnessCheck>& checks,
                                                 Logger& logger);

// What the device can do; checks for functions that are absent are left out. Each throws when the
// device is not fit.
struct GpuProbe {
  std::function<void()> health;                              // allocates on every device
  std::function<std::optional<std::string>()> cuda_version;  // "12.8"; nothing if unknown
  std::function<void()> init;                                // makes a context on every device
  std::function<void()> benchmark;                           // a matmul in bounded time
};

struct FitnessOptions {
  bool skip_system_checks = false;        // RUNPOD_SKIP_AUTO_SYSTEM_CHECKS
  bool skip_gpu_checks = false;           // RUNPOD_SKIP_GPU_CHECK
  double min_memory_gb = 4.0;             // RUNPOD_MIN_MEMORY_GB
  double min_disk_percent = 10.0;         // RUNPOD_MIN_DISK_PERCENT
  bool disk_binding = false;              // whether that variable was set
  std::string min_cuda_version = "11.8";  // RUNPOD_MIN_CUDA_VERSION
  Milliseconds network_timeout{5'000};    // RUNPOD_NETWORK_CHECK_TIMEOUT, seconds
  bool network_binding = false;           // whether that variable was set
  Milliseconds benchmark_timeout{2'000};  // RUNPOD_GPU_BENCHMARK_TIMEOUT, seconds
  Milliseconds gpu_timeout{30'000};       // RUNPOD_GPU_TEST_TIMEOUT, seconds
  std::string network_url;                // whose host must be reachable: the job-take URL
  std::string disk_path = "/";
  std::string system_root = "/";  // where proc/ and sys/ are found
};

FitnessOptions fitness_options_from(const Environment& environment,
                                    std::vector<std::string>* warnings);

// The platform's own checks under their own names: _gpu_health_check, _memory_check, _disk_check,
// _network_check, _cuda_version_check, _cuda_init_check, _benchmark_check. Disk and network are
// advisory unless their variable was set: a full host disk or an egress filter is no reason to
// refuse work.
std::vector<FitnessCheck> system_fitness_checks(const FitnessOptions& options, const GpuProbe& gpu,
                                                Logger& logger);

// Bytes that this process may still take: the machine's available memory or what its control group
// leaves, whichever is less.
double available_memory_bytes(const std::string& system_root);

// Whether version `a` ("12.8") is at least `b`.
bool version_at_least(const std::string& a, const std::string& b);

}  // namespace echo::runpod
