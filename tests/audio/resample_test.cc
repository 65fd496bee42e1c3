#include "audio/resample.h"

#include <gtest/gtest.h>
#include <algorithm>

#include <cmath>
#include <numbers>
#include <random>

#include "base/error.h"
#include "support/sounds/sounds.h"

namespace echo {
namespace {

// The filter's definition as plain sums over all input samples, in double precision.
std::vector<double> resample_plainly(const std::vector<float>& in, int from, int to) {
  const double ratio = static_cast<double>(to) / from;
  const double cutoff = 0.99 * std::min(1.0, ratio);
  std::vector<double> out(
      static_cast<size_t>((static_cast<int64_t>(in.size()) * to + from - 1) / from));
  for (size_t m = 0; m < out.size(); ++m) {
    for (size_t n = 0; n < in.size(); ++n) {
      const double place =
          static_cast<double>(static_cast<int64_t>(m) * from) / to - static_cast<double>(n);
      const double t = place * cutoff;
      if (std::fabs(t) >= 6) continue;
      const double window = std::pow(std::cos(t * std::numbers::pi / 12), 2);
      const double angle = t * std::numbers::pi;
      out[m] += in[n] * cutoff * window * (angle == 0 ? 1 : std::sin(angle) / angle);
    }
  }
  return out;
}

TEST(Resample, FollowsTheDefinition) {
  const std::pair<int, int> rates[] = {{48000, 44100}, {44100, 48000},  {8000, 44100},
                                       {44100, 8000},  {192000, 44100}, {44101, 44100},
                                       {1, 2},         {2, 1},          {44100, 24000}};
  std::mt19937 random(1);
  for (const auto& [from, to] : rates) {
    SCOPED_TRACE(std::to_string(from) + " to " + std::to_string(to));
    std::vector<float> in(700);
    for (float& x : in) x = static_cast<float>(random() % 20001) / 10000.0F - 1.0F;
    const std::vector<float> out = resample(in, from, to);
    const std::vector<double> expected = resample_plainly(in, from, to);
    ASSERT_EQ(out.size(), expected.size());
    for (size_t i = 0; i < out.size(); ++i) ASSERT_NEAR(out[i], expected[i], 2e-6) << i;
  }
}

TEST(Resample, LengthIsRoundedUp) {
  for (const size_t n : {0U, 1U, 2U, 146U, 147U, 148U, 1000U}) {
    EXPECT_EQ(resample(std::vector<float>(n), 44100, 48000).size(), (n * 160 + 146) / 147);
    EXPECT_EQ(resample(std::vector<float>(n), 48000, 44100).size(), (n * 147 + 159) / 160);
    EXPECT_EQ(resample(std::vector<float>(n), 44100, 44100).size(), n);
  }
}

TEST(Resample, PiecesGiveTheSameBitsAsTheWhole) {
  const std::vector<float> in = make_sound(30000, 44100);
  std::mt19937 random(2);
  for (const int to : {48000, 24000, 8000, 44100}) {
    const std::vector<float> whole = resample(in, 44100, to);
    Resampler resampler(44100, to);
    std::vector<float> pieces;
    for (size_t at = 0; at < in.size();) {
      const size_t count = std::min<size_t>(random() % 700, in.size() - at);
      resampler.push({in.data() + at, count}, pieces);
      at += count;
    }
    EXPECT_GE(pieces.size() + 20, whole.size()) << "only the filter's tail may be held back";
    resampler.finish(pieces);
    EXPECT_EQ(pieces, whole);
  }
}

TEST(Resample, KeepsATone) {
  // 1 kHz passes both ways with nothing lost but rounding and the filter's ripple.
  std::vector<float> tone(44100);
  for (size_t i = 0; i < tone.size(); ++i) {
    tone[i] = static_cast<float>(
        0.5 * std::sin(2 * std::numbers::pi * 1000 * static_cast<double>(i) / 44100));
  }
  const std::vector<float> back = resample(resample(tone, 44100, 48000), 48000, 44100);
  ASSERT_EQ(back.size(), tone.size());
  for (size_t i = 100; i + 100 < tone.size(); ++i) ASSERT_NEAR(back[i], tone[i], 2e-3);
}

TEST(Resample, RefusesRatesThatAreNone) {
  EXPECT_THROW(Resampler(0, 44100), Error);
  EXPECT_THROW(Resampler(44100, -1), Error);
  EXPECT_THROW(Resampler(44100, Resampler::kMaxRate + 1), Error);
}

}  // namespace
}  // namespace echo
