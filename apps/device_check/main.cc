// What has to be looked at on a machine with a GPU, by a program that needs nothing else there.
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <functional>

#include "apps/device_check/check_device.h"
#include "apps/device_check/noise_file.h"
#include "apps/device_check/notices.h"
#include "apps/device_check/request_soak.h"
#include "base/error.h"
#include "bench/gpu_bench.h"
#include "checkpoint/random_checkpoint.h"
#include "engine/device.h"
#include "parity/parity.h"

namespace echo::device_check {
namespace {

constexpr int kFailure = 1, kUsage = 2, kNoDevice = 3;

// Whether there is a GPU that works; says in one line why not.
bool device_works() {
  try {
    std::printf("device: %s\n", make_device(check_device())->description().c_str());
    return true;
  } catch (const Error& error) {
    std::fprintf(stderr, "echo-device-check: %s\n", error.what());
    return false;
  }
}

// Each test is named before it runs, so that a crash or a hang has a name.
int run_operations(const char* program, const std::string& filter, bool list) {
  std::string name = program, choice = "--gtest_filter=" + filter;
  char* arguments[] = {name.data(), choice.data(), nullptr};
  int count = 2;
  test_on_check_device();
  testing::InitGoogleTest(&count, arguments);
  if (!list) return RUN_ALL_TESTS() == 0 ? 0 : kFailure;
  const testing::UnitTest& tests = *testing::UnitTest::GetInstance();
  for (int i = 0; i < tests.total_test_suite_count(); ++i) {
    std::printf("%s\n", tests.GetTestSuite(i)->name());
  }
  return 0;
}

int run_parity(const std::vector<std::string>& folders, int repetitions) {
  bool passed = true;
  for (const std::string& folder : folders) {
    for (int i = 0; i < repetitions; ++i) {
      parity::ParityOptions options;
      options.device = check_device();
      const parity::Report report = parity::run(folder, options);
      std::printf("%s\n%s\n", folder.c_str(), report.table().c_str());
      passed = passed && report.passed();
    }
  }
  std::printf("parity: %s\n", passed ? "passed" : "FAILED");
  return passed ? 0 : kFailure;
}

int measure(const bench::GpuBenchOptions& options, const std::string& json) {
  const bench::GpuBenchResult result = bench::run_gpu_bench(
      options, [](const std::string& what) { std::fprintf(stderr, "bench: %s\n", what.c_str()); });
  std::printf("%s", result.table().c_str());
  if (!json.empty()) {
    std::ofstream file(json);
    file << result.json().dump(2) << "\n";
    if (!file.flush()) throw_unavailable(json + ": cannot be written");
  }
  return result.problems.empty() ? 0 : kFailure;
}

int run_requests(const SoakOptions& options) {
  const SoakResult result = run_soak(options, [](const std::string& what) {
    std::fprintf(stderr, "\rrequests: %s", what.c_str());
  });
  std::fprintf(stderr, "\n");
  std::printf("%s", result.text().c_str());
  return result.passed() ? 0 : kFailure;
}

int make_model(const std::string& folder, const std::string& size) {
  RandomCheckpointOptions options;
  options.size = *parse_model_size(size);
  write_random_checkpoint(folder, options);
  return 0;
}

int run(int argc, char** argv) {
  CLI::App app{
      "Looks at Echo-TTS on a GPU: comparisons with recorded runs, tests of operations, "
      "speed and memory. Without a GPU the exit code is 3.",
      "echo-device-check"};
  app.require_subcommand(1);
  std::function<int()> action;
  bool needs_device = true;

  app.add_subcommand("device", "Name the device as found")->callback([&] {
    action = [] { return 0; };
  });

  std::string filter = "*";
  bool list = false;
  CLI::App* operations = app.add_subcommand("operations", "Run the tests of every operation");
  operations->add_option("--filter", filter, "Run only these tests, as GoogleTest names them");
  operations->add_flag("--list", list, "Name the suites and run none");
  operations->callback([&] {
    needs_device = !list;
    action = [&] { return run_operations(argv[0], filter, list); };
  });

  std::vector<std::string> folders;
  int repetitions = 1;
  CLI::App* parity = app.add_subcommand("parity", "Compare with recorded runs");
  parity->add_option("folders", folders, "Folders of recorded data")->required();
  parity->add_option("--repetitions", repetitions, "Compare each so many times")->check(CLI::Range(1, 100));
  parity->callback([&] { action = [&] { return run_parity(folders, repetitions); }; });

  bench::GpuBenchOptions options;
  options.device = check_device();
  std::string precision = "auto", codec_precision = "auto", algorithms, json, part = "all";
  CLI::App* benchmark = app.add_subcommand("bench", "Measure speed and memory");
  benchmark->add_option("--model", options.model, "Directory of the checkpoints")->required();
  benchmark->add_option("--precision", precision, "Precision of the transformer")
      ->check(CLI::IsMember(precision_names()));
  benchmark->add_option("--codec-precision", codec_precision, "Precision of the codec")
      ->check(CLI::IsMember({"auto", "float32", "bf16"}));
  benchmark->add_option("--wide-blocks", options.wide_blocks, "Keep so many last blocks in bf16")
      ->check(CLI::Range(0, 1000));
  benchmark->add_option("--algorithms", algorithms,
                        "Folder that remembers the fastest matrix algorithms");
  benchmark->add_option("--repetitions", options.repetitions, "Measure so often; the median counts")
      ->check(CLI::Range(1, 100));
  benchmark->add_option("--steps", options.num_steps, "Sample requests with so many steps")->check(CLI::Range(1, 200));
  benchmark->add_option("--part", part, "Measure only this")
      ->check(CLI::IsMember({"all", "requests", "stages"}));
  benchmark->add_option("--json", json, "Write the results into this file");
  benchmark->callback([&] {
    options.precision = *parse_precision(precision);
    options.codec_precision = *parse_precision(codec_precision);
    options.device.algorithm_folder = algorithms;
    options.requests = part != "stages";
    options.stages = part != "requests";
    action = [&] { return measure(options, json); };
  });

  SoakOptions soak;
  CLI::App* requests = app.add_subcommand(
      "requests", "Random requests in a row: memory stays, the same request gives the same speech");
  requests->add_option("--model", soak.model, "Directory of the checkpoints")->required();
  requests->add_option("--count", soak.requests, "Speak so many requests")->check(CLI::Range(20, 1000000));
  requests->add_option("--precision", precision, "Precision of the transformer")
      ->check(CLI::IsMember(precision_names()));
  requests->callback([&] {
    soak.precision = *parse_precision(precision);
    action = [&] { return run_requests(soak); };
  });

  std::string folder, size = "full";
  CLI::App* model = app.add_subcommand("make-model", "Write a checkpoint of random weights");
  model->add_option("folder", folder, "Directory to write into")->required();
  model->add_option("--size", size, "tiny, full (7.5 GB) or real-slice")
      ->check(CLI::IsMember({"tiny", "full", "real-slice"}));
  model->callback([&] {
    needs_device = false;
    action = [&] { return make_model(folder, size); };
  });

  CLI::App* noise = app.add_subcommand(
      "noise", "Write the random numbers of some seeds, to be compared with torch.randn");
  noise->add_option("file", folder, "File to write: float32 values, one draw after the other")
      ->required();
  noise->callback([&] {
    needs_device = false;
    action = [&] {
      write_noise(folder);
      return 0;
    };
  });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  if (needs_device && !device_works()) return kNoDevice;
  const int code = action();
  if (needs_device) std::printf("%s", device_notices().text().c_str());
  return code;
}

}  // namespace
}  // namespace echo::device_check

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // what was said before a crash is not lost
  try {
    return echo::device_check::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "echo-device-check: %s\n", error.what());
    return 1;
  }
}
