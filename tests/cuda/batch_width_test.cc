#include "cuda/batch_width.h"

#include <gtest/gtest.h>

namespace echo::cuda {
namespace {

constexpr size_t kGigabyte = size_t{1} << 30;

TEST(BatchWidth, MemoryAllowsOneToEight) {
  EXPECT_EQ(batch_width_for(0), 1);
  EXPECT_EQ(batch_width_for(kGigabyte), 1);
  EXPECT_EQ(batch_width_for(3 * kGigabyte), 4);
  EXPECT_EQ(batch_width_for(70 * kGigabyte), 8);
}

// A device that computes `at_once` rows in a millisecond, and fewer in the same time.
double seconds_of(int64_t rows, int64_t at_once) {
  return 1e-3 * static_cast<double>((rows + at_once - 1) / at_once);
}

TEST(BatchWidth, AsManyAsGain) {
  const auto width = [](int64_t most, int64_t at_once) {
    return measured_batch_width(most, [=](int64_t rows) { return seconds_of(rows, at_once); });
  };
  EXPECT_EQ(width(8, 640), 1);
  EXPECT_EQ(width(8, 1280), 2);
  EXPECT_EQ(width(8, 2560), 4);
  EXPECT_EQ(width(8, 100000), 8);
  EXPECT_EQ(width(3, 100000), 2);
  EXPECT_EQ(width(1, 100000), 1);
}

}  // namespace
}  // namespace echo::cuda
