#include "runpod/fitness.h"

#include <filesystem>
#include <fstream>

#include "worker_fixture.h"

namespace echo::runpod {
namespace {

namespace fs = std::filesystem;

class Fitness : public ::testing::Test {
 protected:
  Fitness() {
    root_ = fs::temp_directory_path() /
            ("fitness_" + std::to_string(::getpid()) + "_" +
             ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(root_);
    LogOptions log;
    log.level = LogLevel::kTrace;
    logger_ = std::make_unique<Logger>(log, sink_);
  }
  ~Fitness() override { fs::remove_all(root_); }

  void write(const std::string& file, const std::string& text) {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }
  std::optional<FitnessFailure> run(const std::vector<FitnessCheck>& checks) {
    return run_fitness_checks(checks, *logger_);
  }
  std::string root() const { return root_.string() + "/"; }

  fs::path root_;
  std::shared_ptr<KeptLog> sink_ = std::make_shared<KeptLog>();
  std::unique_ptr<Logger> logger_;
};

std::vector<std::string> names(const std::vector<FitnessCheck>& checks) {
  std::vector<std::string> result;
  for (const FitnessCheck& check : checks) result.push_back(check.name);
  return result;
}

GpuProbe healthy_gpu() {
  return {[] {}, [] { return std::optional<std::string>("12.8"); }, [] {}, [] {}};
}

void fail(const char* text) { throw std::runtime_error(text); }

TEST_F(Fitness, M49_NamesInOrder) {
  FitnessOptions options;
  options.network_url = "http://127.0.0.1:1/";
  EXPECT_EQ(names(system_fitness_checks(options, healthy_gpu(), *logger_)),
            (std::vector<std::string>{"_gpu_health_check", "_memory_check", "_disk_check",
                                      "_network_check", "_cuda_version_check", "_cuda_init_check",
                                      "_benchmark_check"}));
  EXPECT_EQ(names(system_fitness_checks(options, {}, *logger_)),
            (std::vector<std::string>{"_memory_check", "_disk_check", "_network_check"}));
}

TEST_F(Fitness, M49_SwitchesActOnTrueAlone) {
  const auto with = [&](std::map<std::string, std::string> variables) {
    const auto options = fitness_options_from(environment_of(std::move(variables)), nullptr);
    return names(system_fitness_checks(options, healthy_gpu(), *logger_));
  };
  EXPECT_EQ(with({{"RUNPOD_SKIP_AUTO_SYSTEM_CHECKS", "TRUE"}}),
            std::vector<std::string>{"_gpu_health_check"});
  EXPECT_EQ(with({{"RUNPOD_SKIP_GPU_CHECK", "true"}}),
            (std::vector<std::string>{"_memory_check", "_disk_check"}));
  EXPECT_EQ(
      with({{"RUNPOD_SKIP_GPU_CHECK", "1"}, {"RUNPOD_SKIP_AUTO_SYSTEM_CHECKS", "yes"}}).size(), 6u);
}

TEST_F(Fitness, M49_ReadsTheLimits) {
  std::vector<std::string> warnings;
  const FitnessOptions options =
      fitness_options_from(environment_of({{"RUNPOD_MIN_MEMORY_GB", "1.5"},
                                           {"RUNPOD_MIN_DISK_PERCENT", "20"},
                                           {"RUNPOD_MIN_CUDA_VERSION", "12.1"},
                                           {"RUNPOD_NETWORK_CHECK_TIMEOUT", "x"},
                                           {"RUNPOD_GPU_TEST_TIMEOUT", "7"}}),
                           &warnings);
  EXPECT_EQ(options.min_memory_gb, 1.5);
  EXPECT_EQ(options.min_disk_percent, 20);
  EXPECT_TRUE(options.disk_binding);
  EXPECT_FALSE(options.network_binding);
  EXPECT_EQ(options.network_timeout, Milliseconds(5000));
  EXPECT_EQ(options.gpu_timeout, Milliseconds(7000));
  EXPECT_EQ(options.min_cuda_version, "12.1");
  EXPECT_EQ(warnings.size(), 1u);
}

TEST_F(Fitness, M49_TheFirstFailureEndsTheRun) {
  int ran = 0;
  const auto failure = run(
      {{"good", [&] { ++ran; }}, {"bad", [] { fail("no device"); }}, {"later", [&] { ++ran; }}});
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->name, "bad");
  EXPECT_EQ(failure->reason, "RuntimeError: no device");
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(sink_->count("INFO   | Running 3 fitness check(s)..."), 1);
  EXPECT_EQ(sink_->count("DEBUG  | Executing fitness check: good"), 1);
  EXPECT_EQ(sink_->count("DEBUG  | Fitness check passed: good ("), 1);
  EXPECT_EQ(sink_->count("ERROR  | Fitness check failed: bad | RuntimeError: no device"), 1);
}

TEST_F(Fitness, AdviceDoesNotEndTheRun) {
  EXPECT_FALSE(run({{"advice", [] { fail("full disk"); }, true}}));
  EXPECT_EQ(sink_->count("WARN"), 1);
  EXPECT_EQ(sink_->count("All fitness checks passed. ("), 1);
}

TEST_F(Fitness, ACheckThatHangsHasFailed) {
  auto gate = std::make_shared<Gate>();
  const auto failure = run({{"hangs", [gate] { gate->wait(); }, false, Milliseconds(50)}});
  gate->open();
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->reason, "TimeoutError: no result after 50 ms");
}

TEST_F(Fitness, MemoryIsWhatTheControlGroupLeaves) {
  write("proc/meminfo", "MemTotal: 16777216 kB\nMemAvailable:    8388608 kB\n");
  EXPECT_EQ(available_memory_bytes(root()), 8388608.0 * 1024);
  write("sys/fs/cgroup/memory.max", "max\n");
  write("sys/fs/cgroup/memory.current", "1000\n");
  EXPECT_EQ(available_memory_bytes(root()), 8388608.0 * 1024) << "no limit";
  write("sys/fs/cgroup/memory.max", "4000000\n");
  write("sys/fs/cgroup/memory.current", "3000000\n");
  write("sys/fs/cgroup/memory.stat", "anon 1\nactive_file 5\ninactive_file 500000\n");
  EXPECT_EQ(available_memory_bytes(root()), 1'500'000.0);
}

TEST_F(Fitness, MemoryOfTheOlderControlGroups) {
  write("proc/meminfo", "MemAvailable: 8388608 kB\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "4000000\n");
  write("sys/fs/cgroup/memory/memory.usage_in_bytes", "1000000\n");
  EXPECT_EQ(available_memory_bytes(root()), 3'000'000.0);
}

TEST_F(Fitness, M49_MemoryCheckTellsTheNumbers) {
  write("proc/meminfo", "MemAvailable: 1048576 kB\n");
  FitnessOptions options;
  options.system_root = root();
  const auto failure = run(system_fitness_checks(options, {}, *logger_));
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->name, "_memory_check");
  EXPECT_EQ(failure->reason, "RuntimeError: Insufficient memory: 1.00GB available, 4.0GB required");
}

TEST_F(Fitness, DiskAndNetworkAreAdviceUnlessAskedFor) {
  write("proc/meminfo", "MemAvailable: 104857600 kB\n");
  FitnessOptions options;
  options.system_root = root();
  options.min_disk_percent = 100.5;
  options.network_url = "http://127.0.0.1:1/v2/job-take/x";  // nobody listens
  EXPECT_FALSE(run(system_fitness_checks(options, {}, *logger_)));
  EXPECT_EQ(sink_->count("which is only advice: _disk_check"), 1);
  EXPECT_EQ(sink_->count("which is only advice: _network_check"), 1);
  options.network_binding = true;
  EXPECT_EQ(run(system_fitness_checks(options, {}, *logger_))->name, "_network_check");
  options.disk_binding = true;
  EXPECT_EQ(run(system_fitness_checks(options, {}, *logger_))->name, "_disk_check");
}

TEST_F(Fitness, NetworkCheckReachesTheJobTakeHost) {
  FakePlatform platform;
  FitnessOptions options = fitness_options_from(environment_of(platform.environment()), nullptr);
  options.network_binding = true;
  options.min_memory_gb = 0;
  EXPECT_FALSE(run(system_fitness_checks(options, {}, *logger_)));
}

TEST_F(Fitness, CudaVersions) {
  EXPECT_TRUE(version_at_least("12.8", "11.8"));
  EXPECT_TRUE(version_at_least("11.8", "11.8"));
  EXPECT_TRUE(version_at_least("12", "11.8"));
  EXPECT_TRUE(version_at_least("11.10", "11.8")) << "numbers, not letters";
  EXPECT_FALSE(version_at_least("11.7.9", "11.8"));
  EXPECT_FALSE(version_at_least("", "11.8"));

  FitnessOptions options;
  options.min_memory_gb = 0;
  GpuProbe gpu = healthy_gpu();
  gpu.cuda_version = [] { return std::optional<std::string>("11.2"); };
  const auto failure = run(system_fitness_checks(options, gpu, *logger_));
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->reason, "RuntimeError: CUDA version too old: 11.2 found, 11.8 required");
  gpu.cuda_version = [] { return std::optional<std::string>(); };
  EXPECT_FALSE(run(system_fitness_checks(options, gpu, *logger_))) << "unknown passes";
}

}  // namespace
}  // namespace echo::runpod
