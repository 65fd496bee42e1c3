// The script that runs all of the device check, over a program that only plays its part.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "support/paths.h"
#include "support/subprocess.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kModelFiles =
    "make_model() { mkdir -p $1/echo-tts-base $1/fish-s1-dac-min;"
    " : > $1/echo-tts-base/pytorch_model.safetensors; : > $1/echo-tts-base/pca_state.safetensors;"
    " : > $1/fish-s1-dac-min/pytorch_model.safetensors; }\n";

class DeviceCheckRun : public ::testing::Test {
 protected:
  DeviceCheckRun() {
    fs::copy_file(source_path("/scripts/device-check-run"), folder_ / "run");
    fs::create_directories(folder_ / "golden");
    fs::create_directories(folder_ / "bin");
    program("");
    write("bin/compute-sanitizer",
          "echo sanitizer: $2; while [ \"$1\" != operations ]; do shift;"
          " done; echo under it: $*");
    write("bin/nvidia-smi", "echo 1980, 5000, 650.1");
    write("bin/python3", "cat > /dev/null; [ -f \"$2\" ] || exit 0; echo no torch; exit 77");
  }

  // What the program does: `special` are branches of a case over its first two words.
  void program(const std::string& special) const {
    write("echo-device-check", kModelFiles + ("case \"$1 $2\" in\n" + special + R"(
  'operations --list') printf 'Small/A\nSmall/B\n' ;;
  make-model*) make_model $2 ;;
  noise*) echo numbers > $2 ;;
  bench*) echo called: $*; printf '\naims, %s:\n  step  11 ms <= 12 ms  met\n' $5; : > $9 ;;
  device*) echo 'device: a GPU' ;;
  *) echo called: $* ;;
esac)"));
  }
  void write(const std::string& name, const std::string& body) const {
    const fs::path path = folder_ / name;
    std::ofstream(path) << "#!/bin/sh\n" << body << "\n";
    fs::permissions(path, fs::perms::owner_all);
  }
  ProcessResult run(const std::vector<std::string>& arguments = {},
                    const std::vector<std::string>& variables = {}) const {
    std::vector<std::string> command = {"/usr/bin/env",
                                        "PATH=" + (folder_ / "bin").string() + ":/usr/bin:/bin",
                                        "DEVICE_CHECK_SCRATCH=" + (folder_ / "scratch").string()};
    command.insert(command.end(), variables.begin(), variables.end());
    command.insert(command.end(), {"/bin/bash", folder_ / "run"});
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
  const std::string log = text_of("log.txt"), summary = text_of("summary.txt");
  for (const char* suite : {"Small/A", "Small/B"}) {
    EXPECT_THAT(log, HasSubstr(std::string("called: operations --filter ") + suite + ".*\n"));
    EXPECT_THAT(log, HasSubstr(std::string("under it: operations --filter ") + suite + ".*-"));
  }
  for (const char* set : {"tiny", "tiny-bf16", "real-slice", "randn"}) {
    EXPECT_THAT(log, HasSubstr("golden/" + std::string(set) + "\n"));
  }
  EXPECT_THAT(log, HasSubstr("--count 500"));
  EXPECT_THAT(log, HasSubstr("most power 650 W, most memory in use on the device 5000 MiB"));
  EXPECT_THAT(log, HasSubstr("sanitizer: racecheck"));
  // The order of what matters most.
  size_t at = 0;
  for (const char* section : {"device", "operations", "parity", "model", "bench-bf16", "bench-fp8",
                              "bench-int8", "noise", "memcheck", "racecheck", "requests"}) {
    const size_t found = summary.find("\n" + std::string(section) + " ");
    ASSERT_NE(found, std::string::npos) << section << "\n" << summary;
    EXPECT_GE(found, at) << section;
    at = found;
  }
  EXPECT_THAT(summary, ContainsRegex("noise +left out"));
  EXPECT_THAT(summary, ContainsRegex("requests +passed +[0-9]+ s"));
  for (const char* precision : {"bf16", "int8", "fp8"}) {
    EXPECT_THAT(summary, HasSubstr("\naims, " + std::string(precision) +
                                   ":\n  step  11 ms <= 12 ms  met\n"));
    EXPECT_TRUE(fs::exists(folder_ / "results" / ("bench-" + std::string(precision) + ".json")));
  }
  EXPECT_THAT(result.out, HasSubstr(summary));
  // Few files and no folders, so that they are easily taken along.
  int files = 0;
  for (const auto& entry : fs::directory_iterator(folder_ / "results")) {
    EXPECT_TRUE(entry.is_regular_file()) << entry.path();
    ++files;
  }
  EXPECT_LE(files, 8);
}

TEST_F(DeviceCheckRun, ASectionThatFailsCrashesOrHangsDoesNotStopTheOthers) {
  program(R"(
    'parity '*tiny) echo off; exit 1 ;;
    'operations --filter') echo "[ RUN ] $3"; case $3 in *A*) kill -SEGV $$ ;; esac ;;
    bench*) case $5 in fp8) echo going to hang; sleep 600 ;; *) echo bench of $5 ;; esac ;;)");
  const ProcessResult result = run({}, {"DEVICE_CHECK_LIMIT=bench-fp8=4"});
  EXPECT_EQ(result.exit_code, 1) << result.out;
  const std::string log = text_of("log.txt"), summary = text_of("summary.txt");
  EXPECT_THAT(summary, HasSubstr("operations   CRASHED (signal 11)"));
  EXPECT_THAT(summary, HasSubstr("parity       FAILED (1)"));
  EXPECT_THAT(summary, HasSubstr("bench-fp8    OUT OF TIME"));
  EXPECT_THAT(log, HasSubstr("[ RUN ] Small/B.*")) << "the suite after the one that crashed";
  EXPECT_THAT(log, HasSubstr("golden/tiny-bf16")) << "the set after the one that failed";
  EXPECT_THAT(log, HasSubstr("going to hang"));
  EXPECT_THAT(log, HasSubstr("bench of int8"));
  EXPECT_THAT(summary, ContainsRegex("requests +passed"));
  EXPECT_THAT(result.out, HasSubstr("device-check: FAILED: operations parity bench-fp8; "));
}

TEST_F(DeviceCheckRun, AfterAnErrorOfTheDeviceTheKernelsRunOneByOne) {
  program(R"(
    'operations --filter') case $3 in
      *A*) echo "CUDA: an illegal address, blocking: ${CUDA_LAUNCH_BLOCKING:-0}"; exit 1 ;;
      *B*) echo "values differ, blocking: ${CUDA_LAUNCH_BLOCKING:-0}"; exit 1 ;;
    esac ;;)");
  EXPECT_EQ(run({"operations"}).exit_code, 1);
  const std::string log = text_of("log.txt");
  EXPECT_THAT(log, HasSubstr("illegal address, blocking: 0\n"));
  EXPECT_THAT(log, HasSubstr("-- once more, kernel by kernel: operations --filter Small/A.*\n"
                             "CUDA: an illegal address, blocking: 1\n"));
  EXPECT_THAT(log, Not(HasSubstr("values differ, blocking: 1")));
}

TEST_F(DeviceCheckRun, RunsTheSectionsThatAreNamed) {
  EXPECT_EQ(run({"bench-fp8", "device"}).exit_code, 0);
  const std::string summary = text_of("summary.txt");
  EXPECT_THAT(summary, ContainsRegex("\ndevice.*\nmodel.*\nbench-fp8"));
  EXPECT_THAT(summary, Not(HasSubstr("operations")));
  EXPECT_THAT(summary, Not(HasSubstr("bench-bf16")));
  EXPECT_THAT(text_of("log.txt"), Not(HasSubstr("made before")));
  // What has been made is used again.
  EXPECT_EQ(run({"bench"}).exit_code, 0);
  EXPECT_THAT(text_of("log.txt"), HasSubstr("made before"));
  EXPECT_THAT(text_of("summary.txt"), ContainsRegex("bench-bf16.*\nbench-fp8.*\nbench-int8"));

  const ProcessResult unknown = run({"dance"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.err,
              HasSubstr("found section \"dance\", expected one of: device operations"));
  EXPECT_THAT(unknown.err, HasSubstr("Exit codes: 0 all passed"));
  EXPECT_THAT(run({"--list"}).out, HasSubstr("model\nbench-bf16\n"));
}

TEST_F(DeviceCheckRun, QuickLeavesOutTheFullModelAndTheSanitizer) {
  EXPECT_EQ(run({"--quick"}).exit_code, 0);
  const std::string log = text_of("log.txt");
  EXPECT_THAT(log, HasSubstr("== requests: passed"));
  for (const char* section : {"== model", "== bench", "== memcheck"}) {
    EXPECT_THAT(log, Not(HasSubstr(section)));
  }
}

TEST_F(DeviceCheckRun, EndsWithinItsTime) {
  const ProcessResult result = run({"device", "parity", "requests"}, {"DEVICE_CHECK_SECONDS=1"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(text_of("summary.txt"), ContainsRegex("parity +NO TIME LEFT"));
  EXPECT_THAT(text_of("log.txt"), Not(HasSubstr("called")));
}

TEST_F(DeviceCheckRun, KeepsBeginningAndEndOfALongOutput) {
  program(R"(
    parity*) echo first line; head -c 3000000 /dev/zero | tr '\0' x; echo; echo last line ;;)");
  EXPECT_EQ(run({"parity", "requests"}).exit_code, 0);
  const std::string log = text_of("log.txt");
  EXPECT_LT(log.size(), 2u << 20);
  EXPECT_THAT(log, HasSubstr("first line"));
  EXPECT_THAT(log, HasSubstr("bytes are left out"));
  EXPECT_THAT(log, HasSubstr("last line"));
  EXPECT_THAT(log, HasSubstr("== requests: passed"));
}

TEST_F(DeviceCheckRun, TheSummaryHasEveryNoticeOnce) {
  program(R"(
  'operations --filter'*|parity*) printf 'notices of the device:\n  CUDA: slow\n'; echo $2 ;;)");
  EXPECT_EQ(run({"operations", "parity"}).exit_code, 0);
  EXPECT_THAT(text_of("summary.txt"), ContainsRegex("\nnotices of the device:\n  CUDA: slow\n$"));
}

TEST_F(DeviceCheckRun, EndsAtOnceWithoutAGpu) {
  program("device*) echo 'no GPU' >&2; exit 3 ;;");
  const ProcessResult result = run();
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "no GPU\n");
  EXPECT_FALSE(fs::exists(folder_ / "results"));
}

}  // namespace
}  // namespace echo
