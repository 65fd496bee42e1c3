#include "engine/noise.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace echo {
namespace {

using Words = std::array<uint32_t, 4>;

// The vectors that the authors of Philox publish for ten rounds.
TEST(Philox, GivesThePublishedAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// z = sqrt(-2 ln u) sin(w) with u = (a + 1/2) / 2^32 and w = 2 pi (b + 1/2) / 2^32.
TEST(Philox, NormalFollowsTheFormula) {
  for (uint32_t i = 1; i < 2000; ++i) {
    const Words words = philox4x32({i, 0, 0, 0}, {7, 0});
    const double u = (words[0] + 0.5) / 4294967296.0;
    const double w = 2 * M_PI * (words[1] + 0.5) / 4294967296.0;
    EXPECT_NEAR(philox_normal(words[0], words[1]), std::sqrt(-2 * std::log(u)) * std::sin(w), 5e-6);
  }
}

TEST(Philox, NormalIsFiniteAtTheEnds) {
  const float smallest = philox_normal(0, 0x3fffffff);  // u = 2^-33, w = pi / 2
  EXPECT_NEAR(smallest, std::sqrt(66 * std::log(2.0)), 1e-5);
  EXPECT_EQ(philox_normal(0xffffffff, 0x3fffffff), 0.0f);  // u rounds to 1
}

TEST(CudaNoise, ElementIsTheFirstNormalOfItsSubsequence) {
  const uint64_t seed = 0x0123456789abcdefu;
  NoiseGenerator generator(NoiseKind::kCuda, seed);
  for (uint32_t draw = 0; draw < 3; ++draw) {
    const std::vector<float> values = generator.draw(500);
    for (uint32_t i = 0; i < 500; ++i) {
      const Words words = philox4x32({draw, 0, i, 0}, {0x89abcdef, 0x01234567});
      ASSERT_EQ(values[i], philox_normal(words[0], words[1])) << draw << " " << i;
    }
  }
}

TEST(CudaNoise, ShorterDrawIsAPrefix) {
  const std::vector<float> full = NoiseGenerator(NoiseKind::kCuda, 3).draw(51200);
  const std::vector<float> part = NoiseGenerator(NoiseKind::kCuda, 3).draw(80);
  EXPECT_EQ(std::vector<float>(full.begin(), full.begin() + 80), part);
}

TEST(CudaNoise, IsStandardNormal) {
  const std::vector<float> values = NoiseGenerator(NoiseKind::kCuda, 0).draw(51200);
  double sum = 0, squares = 0, fourth = 0;
  for (const double x : values) {
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
  }
  EXPECT_NEAR(sum / 51200, 0, 0.02);
  EXPECT_NEAR(squares / 51200, 1, 0.03);
  EXPECT_NEAR(fourth / 51200, 3, 0.2);
}

TEST(CudaNoise, AllSixtyFourBitsOfTheSeedCount) {
  EXPECT_NE(NoiseGenerator(NoiseKind::kCuda, 5).draw(4),
            NoiseGenerator(NoiseKind::kCuda, 5 + (uint64_t{1} << 32)).draw(4));
  EXPECT_EQ(NoiseGenerator(NoiseKind::kCuda, static_cast<uint64_t>(int64_t{-1})).draw(4),
            NoiseGenerator(NoiseKind::kCuda, 0xffffffffffffffffu).draw(4));
}

TEST(CudaNoise, RefusesMoreThanTheGridHasThreads) {
  NoiseGenerator generator(NoiseKind::kCuda, 0);
  EXPECT_EQ(generator.draw(51200).size(), 51200u);
  EXPECT_THROW(generator.draw(51201), Error);
  EXPECT_THROW(generator.draw(-1), Error);
}

TEST(CudaNoise, EmptyDrawLeavesTheGeneratorAsItWas) {
  NoiseGenerator generator(NoiseKind::kCuda, 0);
  EXPECT_TRUE(generator.draw(0).empty());
  EXPECT_EQ(generator.draw(8), NoiseGenerator(NoiseKind::kCuda, 0).draw(8));
}

TEST(NoiseKinds, HaveNames) {
  EXPECT_EQ(noise_kind("cuda"), NoiseKind::kCuda);
  EXPECT_EQ(noise_kind("cpu"), NoiseKind::kCpu);
  EXPECT_EQ(noise_kind_name(NoiseKind::kCpu), "cpu");
  EXPECT_EQ(noise_kind_name(NoiseKind::kCuda), "cuda");
  EXPECT_THROW(noise_kind("tpu"), Error);
}

}  // namespace
}  // namespace echo
