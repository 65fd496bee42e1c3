// The program for machines that have a GPU and little else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "support/subprocess.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

using ::testing::HasSubstr;
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
  const ProcessResult list = run_process({ECHO_DEVICE_CHECK, "operations", "--list"});
  EXPECT_EQ(list.exit_code, 0) << list.err;
  EXPECT_THAT(list.out, HasSubstr("Gpu/Attention\nGpu/Determinism\n"));
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

}  // namespace
}  // namespace echo
