#include "engine/flattening.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <random>
#include <span>
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

TEST(CertainFrames, AreAllWhileThereIsSpeech) {
  for (const int64_t known : {1, 19, 20, 32}) {
    const CertainFrames certain = certain_frames(latents(known, 0), 80);
    EXPECT_EQ(certain.frames, known);
    EXPECT_FALSE(certain.ended);
  }
  EXPECT_EQ(certain_frames({}, 80).frames, 0);
}

TEST(CertainFrames, EndWhereAFlatWindowIsKnownWhole) {
  for (int64_t flat = 0; flat < 30; ++flat) {
    const CertainFrames certain = certain_frames(latents(30, flat), 80);
    EXPECT_EQ(certain.frames, 30) << flat;
    EXPECT_EQ(certain.ended, flat >= 20) << flat;
  }
}

// What is certain, found by trying continuations: speech, silence, and the one that is flattest
// after each of the known frames, which stays at the mean of what is known from there.
class Continuations {
 public:
  Continuations(std::span<const float> known, int64_t channels, int64_t frames)
      : known_(known), channels_(channels), missing_(frames * channels - known.size()) {}

  int64_t least_kept(std::mt19937& random) const {
    int64_t least = kept_with(std::vector<float>(missing_, 0));
    std::vector<float> speech(missing_);
    std::normal_distribution<float> normal;
    for (float& value : speech) value = normal(random);
    least = std::min(least, kept_with(speech));
    const auto frames = static_cast<int64_t>(known_.size()) / channels_;
    for (int64_t first = std::max<int64_t>(0, frames - 19); first < frames; ++first) {
      const auto rest = known_.subspan(first * channels_);
      const double mean = std::accumulate(rest.begin(), rest.end(), 0.0) / rest.size();
      least = std::min(least, kept_with(std::vector<float>(missing_, static_cast<float>(mean))));
    }
    return least;
  }

 private:
  int64_t kept_with(const std::vector<float>& rest) const {
    std::vector<float> whole(known_.begin(), known_.end());
    whole.insert(whole.end(), rest.begin(), rest.end());
    return flattening_point(whole, channels_);
  }

  std::span<const float> known_;
  int64_t channels_;
  size_t missing_;
};

TEST(CertainFrames, AgreeWithTryingEveryContinuation) {
  constexpr int64_t kChannels = 2;
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  const auto below = [&](int64_t n) { return static_cast<int64_t>(random() % n); };
  int held_back = 0, ended = 0;
  for (int i = 0; i < 100'000; ++i) {
    // Parts that are loud, nearly flat, or flat to either side of the limit.
    std::vector<float> values;
    while (static_cast<int64_t>(values.size()) < 44 * kChannels) {
      const float spread = std::array{1.0F, 0.06F, 0.045F, 0.02F, 0.0F}[below(5)];
      const float mean = std::array{0.0F, 0.05F, 0.2F}[below(3)];
      for (int64_t n = (1 + below(24)) * kChannels; n > 0; --n) {
        values.push_back(mean + spread * normal(random));
      }
    }
    const int64_t known = 1 + below(43), frames = known + 1 + below(30);
    values.resize(known * kChannels);
    const CertainFrames certain = certain_frames(values, kChannels);
    const int64_t least = Continuations(values, kChannels, frames).least_kept(random);
    ASSERT_LE(certain.frames, least) << i;
    if (certain.ended) {
      ++ended;
      ASSERT_EQ(certain.frames, least) << i;
    } else if (certain.frames < known) {
      ++held_back;
    }
    // One row that is too loud for any flat window lets everything up to it go.
    double last = 0;
    for (const float x : std::span(values).last(kChannels))
      last += (x - values.back()) * (x - values.back());
    if (!certain.ended && last / kChannels > 0.0025 * (20 * kChannels)) {
      ASSERT_EQ(certain.frames, known) << i;
    }
  }
  EXPECT_GT(held_back, 1000);
  EXPECT_GT(ended, 1000);
}

// A frame that is held back is one from which silence may begin.
TEST(CertainFrames, HoldNothingBackInVain) {
  constexpr int64_t kChannels = 2;
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  int held_back = 0;
  for (int i = 0; i < 5'000; ++i) {
    std::vector<float> values;
    for (int64_t frame = 0; frame < 30; ++frame) {
      const float spread = frame < 20 ? 1.0F : 0.045F;
      for (int64_t c = 0; c < kChannels; ++c) values.push_back(spread * normal(random));
    }
    const CertainFrames certain = certain_frames(values, kChannels);
    if (certain.ended || certain.frames == 30) continue;
    ++held_back;
    const int64_t least = Continuations(values, kChannels, 60).least_kept(random);
    ASSERT_EQ(certain.frames, least) << i;
  }
  EXPECT_GT(held_back, 200);
}

}  // namespace
}  // namespace echo
