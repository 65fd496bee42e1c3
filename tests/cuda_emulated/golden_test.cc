// Recorded stages on the emulated device: the whole way through the module, as with a real one.
#include <gtest/gtest.h>

#include <cstdio>

#include "devices/devices.h"
#include "parity/parity.h"
#include "support/golden.h"

namespace echo::parity {
namespace {

void expect_passes(const char* group) {
  ParityOptions options;
  options.device.kinds = {cuda_device()};
  options.device.name = "cuda";
  options.device.cuda_module = ECHO_CUDA_EMULATED_MODULE;
  options.device.batch_width = 1;
  options.groups = {group};
  const Report report = run(golden("tiny"), options);
  std::printf("%s", report.table().c_str());
  EXPECT_TRUE(report.passed()) << report.table();
  EXPECT_GT(report.cases(), 0);
}

TEST(GoldenEmulatedCuda, Encoders) { expect_passes("encoders"); }
TEST(GoldenEmulatedCuda, Forward) { expect_passes("forward"); }
TEST(SlowEmulatedCuda, Sampler) { expect_passes("sampler"); }
TEST(SlowEmulatedCuda, Codec) { expect_passes("codec"); }

}  // namespace
}  // namespace echo::parity
