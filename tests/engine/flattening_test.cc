#include "engine/flattening.h"

#include <gtest/gtest.h>

#include <algorithm>
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

// Frames of which the first `known` are known: at every length what is certain is kept in the end,
// whatever the rest is.
TEST(CertainFrames, AreKeptWhateverFollows) {
  for (const int64_t loud : {0, 1, 15, 30, 64}) {
    const std::vector<float> whole = latents(loud, 64 - loud);
    for (int64_t known = 0; known <= 64; ++known) {
      const std::vector<float> first(whole.begin(), whole.begin() + known * 80);
      const int64_t certain = certain_frames(first, 80);
      EXPECT_EQ(certain, std::min(loud, std::max(int64_t{0}, known - 19))) << known;
      for (const bool quiet : {false, true}) {
        std::vector<float> other = first;
        const std::vector<float> rest = quiet ? latents(0, 64 - known) : latents(64 - known, 0);
        other.insert(other.end(), rest.begin(), rest.end());
        const int64_t kept = flattening_point(other, 80);
        EXPECT_LE(certain, kept) << known;
        // Once the point has been passed it stays.
        if (known >= loud + 20) {
          EXPECT_EQ(certain, kept) << known;
        }
      }
    }
  }
}

}  // namespace
}  // namespace echo
