// The program for machines that have a GPU and little else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "support/subprocess.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// The system's, and those of a build with sanitizers.
constexpr const char* kAllowed[] = {"linux-vdso.", "libc.",    "libm.",     "libdl.",
                                    "libpthread.", "librt.",   "libgcc_s.", "libstdc++.",
                                    "ld-linux",    "libasan.", "libubsan.", "libtsan."};

TEST(DeviceCheck, NeedsNoLibraryButTheSystems) {
  const ProcessResult result = run_process({"/usr/bin/ldd", ECHO_DEVICE_CHECK});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::istringstream lines(result.out);
  std::string line;
  int libraries = 0;
  while (std::getline(lines, line)) {
    line.erase(0, line.find_first_not_of(" \t"));
    const std::string path = line.substr(0, line.find(' '));
    const std::string name = path.substr(path.rfind('/') + 1);
    const bool allowed = std::any_of(std::begin(kAllowed), std::end(kAllowed),
                                     [&](const char* start) { return name.starts_with(start); });
    EXPECT_TRUE(allowed) << line;
    ++libraries;
  }
  EXPECT_GE(libraries, 3) << result.out;
}

TEST(DeviceCheck, WithoutAGpuSaysSoInOneLine) {
  const ProcessResult result = run_process({ECHO_DEVICE_CHECK, "device"});
  if (result.exit_code == 0) GTEST_SKIP() << "this machine has one: " << result.out;
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  EXPECT_THAT(result.err, StartsWith("echo-device-check: CUDA"));
  EXPECT_EQ(run_process({ECHO_DEVICE_CHECK, "operations"}).exit_code, 3);
  EXPECT_EQ(run_process({ECHO_DEVICE_CHECK, "parity", "nowhere"}).exit_code, 3);
  EXPECT_EQ(run_process({ECHO_DEVICE_CHECK, "bench", "--model", "nowhere"}).exit_code, 3);
}

TEST(DeviceCheck, WritesWhatTheMeasurementsNeed) {
  const TempDir folder;
  const auto run = [](const std::vector<std::string>& arguments) {
    const ProcessResult result = run_process(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
  };
  run({ECHO_DEVICE_CHECK, "make-model", folder / "model", "--size", "tiny"});
  EXPECT_TRUE(std::filesystem::exists(folder / "model/echo-tts-base/pytorch_model.safetensors"));
  run({ECHO_DEVICE_CHECK, "noise", folder / "noise.f32"});
  // Five seeds, two draws of each of two sizes, four bytes a value.
  EXPECT_EQ(std::filesystem::file_size(folder / "noise.f32"), 5u * 2 * (640 + 128) * 80 * 4);
}

TEST(DeviceCheck, RefusesWhatItDoesNotKnow) {
  const ProcessResult result = run_process({ECHO_DEVICE_CHECK, "dance"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("subcommand"));
}

// The script that runs it all, over a program that only says how it was called.
class DeviceCheckRun : public ::testing::Test {
 protected:
  DeviceCheckRun() {
    const std::filesystem::path script = ECHO_SOURCE_DIR "/scripts/device-check-run";
    std::filesystem::copy_file(script, folder_ / "run");
    program("case $1 in make-model) mkdir -p $2/echo-tts-base;; *) echo called: $*;; esac");
  }
  void program(const std::string& body) const {
    const std::filesystem::path path = folder_ / "echo-device-check";
    std::ofstream(path) << "#!/bin/sh\n" << body << "\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  }
  ProcessResult run(const std::vector<std::string>& arguments = {}) const {
    // Without the tools of a machine that has a GPU.
    std::vector<std::string> command = {"/usr/bin/env", "PATH=/usr/bin:/bin", "/bin/bash",
                                        folder_ / "run"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run_process(command);
  }
  std::string text_of(const std::string& file) const {
    std::ifstream in(folder_ / "results" / file);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  const TempDir folder_;
};

TEST_F(DeviceCheckRun, RunsEverySectionAndKeepsWhatTheySaid) {
  const ProcessResult result = run();
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("device-check: all passed"));
  EXPECT_THAT(text_of("operations.txt"), StartsWith("called: operations"));
  for (const char* set : {"tiny", "tiny-bf16", "real-slice", "randn"}) {
    EXPECT_THAT(text_of("parity.txt"), HasSubstr(std::string("golden/") + set));
  }
  EXPECT_THAT(text_of("requests.txt"), HasSubstr("--count 500"));
  for (const char* precision : {"bf16", "int8", "fp8"}) {
    EXPECT_THAT(text_of("bench.txt"), HasSubstr(std::string("--precision ") + precision));
  }
}

TEST_F(DeviceCheckRun, NamesTheSectionsThatFailed) {
  program("case $1 in parity) echo off; exit 1;; make-model) mkdir -p $2/echo-tts-base;; esac");
  const ProcessResult result = run({"--quick"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("== parity: FAILED (1)"));
  EXPECT_THAT(result.out, HasSubstr("device-check: FAILED: parity; results in"));
  EXPECT_THAT(result.out, Not(HasSubstr("== bench")));
}

TEST_F(DeviceCheckRun, EndsAtOnceWithoutAGpu) {
  program("echo 'no GPU' >&2; exit 3");
  const ProcessResult result = run();
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "no GPU\n");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "results"));
}

}  // namespace
}  // namespace echo
