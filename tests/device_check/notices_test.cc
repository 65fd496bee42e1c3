// What devices told is shown at the end.
#include "apps/device_check/notices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "support/subprocess.h"
#include "support/temp_dir.h"

namespace echo::device_check {
namespace {

TEST(DeviceNotices, HaveEachLineOnce) {
  Notices notices;
  EXPECT_EQ(notices.text(), "notices of the device: none\n");
  for (const char* line : {"slow", "refused", "slow"}) notices.add(line);
  EXPECT_EQ(notices.text(), "notices of the device:\n  refused\n  slow\n");
}

TEST(DeviceNotices, AreTheProgramsLastWord) {
  // The program with the emulated module beside it.
  const TempDir folder;
  const std::filesystem::path program = folder / "echo-device-check";
  std::filesystem::copy_file(ECHO_DEVICE_CHECK, program);
  std::filesystem::copy_file(ECHO_CUDA_EMULATED_MODULE, folder / "libecho_cuda.so");
  const ProcessResult result =
      run_process({program, "operations", "--filter=*NarrowWeights.Types*"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, testing::EndsWith("notices of the device: none\n"));
}

}  // namespace
}  // namespace echo::device_check
