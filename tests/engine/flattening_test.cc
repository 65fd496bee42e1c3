#include "engine/flattening.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace echo {
namespace {

// Rows of +-1 (speech), then rows of `value`.
std::vector<float> latents(int64_t loud, int64_t flat, float value = 0) {
  std::vector<float> result;
  for (int64_t i = 0; i < loud * 80; ++i) result.push_back(i % 2 ? 1.0f : -1.0f);
  result.insert(result.end(), flat * 80, value);
  return result;
}

TEST(Flattening, FindsTheFirstFlatFrame) {
  EXPECT_EQ(flattening_point(latents(30, 34), 80), 30);
  EXPECT_EQ(flattening_point(latents(0, 34), 80), 0);
}

TEST(Flattening, CountsZerosPastTheEnd) { EXPECT_EQ(flattening_point(latents(30, 1), 80), 30); }

TEST(Flattening, WithoutOneIsTheLength) {
  EXPECT_EQ(flattening_point(latents(30, 0), 80), 30);
  EXPECT_EQ(flattening_point({}, 80), 0);
}

TEST(Flattening, ConstantFarFromTheTargetIsNotFlat) {
  EXPECT_EQ(flattening_point(latents(0, 64, 0.5f), 80), 64);
  EXPECT_EQ(flattening_point(latents(0, 64, 0.5f), 80, {.target_value = 0.5}), 0);
}

TEST(Flattening, NotANumberIsNeverFlat) {
  std::vector<float> values = latents(0, 10);
  values[5 * 80] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(flattening_point(values, 80), 6);
}

}  // namespace
}  // namespace echo
