#include "cpu/kernels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/matrix.h"

namespace echo::cpu {
namespace {

TEST(Kernels, EveryMachineHasTheGenericSetLast) {
  const std::vector<const Kernels*> sets = supported_kernels();
  ASSERT_FALSE(sets.empty());
  EXPECT_EQ(sets.back()->name, "generic");
  for (const Kernels* kernels : sets) {
    EXPECT_THAT(kernels->name, testing::AnyOf("generic", "avx2", "avx512"));
  }
}

class KernelsTest : public testing::TestWithParam<const Kernels*> {};
INSTANTIATE_TEST_SUITE_P(Cpu, KernelsTest, testing::ValuesIn(supported_kernels()),
                         [](const auto& set) { return std::string(set.param->name); });

// All float32 from the smallest normal number to the largest, at even steps of their bits.
std::vector<float> many_floats(size_t count) {
  std::vector<float> values;
  for (size_t i = 0; i < count; ++i) {
    const uint32_t bits =
        0x00800000u + static_cast<uint32_t>(i * (0x7f7fffffu - 0x00800000u) / count);
    float value;
    std::memcpy(&value, &bits, sizeof value);
    values.push_back(value);
    values.push_back(-value);
  }
  return values;
}

TEST_P(KernelsTest, ConvertRoundsEveryKindOfFloatAsTheScalarCodeDoes) {
  std::vector<float> values = many_floats(100003);
  for (const float special : {0.0f, -0.0f, 1e-45f, INFINITY, -INFINITY, NAN, -NAN})
    values.push_back(special);
  const int64_t n = static_cast<int64_t>(values.size());
  std::vector<BFloat16> halves(values.size());
  std::vector<float> back(values.size());
  GetParam()->convert({values.data(), 1, n, n, DType::kFloat32},
                      {halves.data(), 1, n, n, DType::kBFloat16});
  GetParam()->convert({halves.data(), 1, n, n, DType::kBFloat16},
                      {back.data(), 1, n, n, DType::kFloat32});
  for (size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(halves[i], float_to_bfloat16(values[i])) << values[i];
    if (std::isnan(values[i])) continue;
    ASSERT_EQ(back[i], bfloat16_to_float(halves[i]));
  }
  EXPECT_TRUE(std::isnan(back.back()));
}

// One segment of all columns: the exponential's own accuracy.
TEST_P(KernelsTest, SoftmaxIsAccurateOverTheWholeRange) {
  std::vector<float> scores(1001);
  for (size_t i = 0; i < scores.size(); ++i) scores[i] = -0.08f * static_cast<float>(i);  // to -80
  double sum = 0;
  for (const float score : scores) sum += std::exp(static_cast<double>(score));
  std::vector<float> expected = scores, out(scores.size());
  const ScoreSegment segment{0, 1001, 1.0f};
  GetParam()->softmax_row(scores.data(), 1.0f, &segment, 1, 0, 1001, out.data(), DType::kFloat32);
  for (size_t i = 0; i < out.size(); ++i) {
    const double right = std::exp(static_cast<double>(expected[i])) / sum;
    ASSERT_NEAR(out[i], right, right * 8 * kFloat32Rounding) << expected[i];
  }
}

TEST_P(KernelsTest, SoftmaxMasksTheFirstSegmentAndScalesTheOthers) {
  const std::vector<float> original = {9, 1, 2, 9, 3, 4};
  const ScoreSegment segments[] = {{0, 4, 1.0f}, {4, 6, 2.0f}};
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    std::vector<float> scores = original, out(6, NAN);
    std::vector<BFloat16> halves(6, 0x7fc0);
    void* target = dtype == DType::kFloat32 ? static_cast<void*>(out.data()) : halves.data();
    GetParam()->softmax_row(scores.data(), 0.5f, segments, 2, 1, 3, target, dtype);
    if (dtype == DType::kBFloat16) {
      for (size_t i = 0; i < 6; ++i) out[i] = bfloat16_to_float(halves[i]);
    }
    const double weights[] = {0, std::exp(0.5), std::exp(1.0), 0, std::exp(3.0), std::exp(4.0)};
    double sum = 0;
    for (const double w : weights) sum += w;
    for (size_t i = 0; i < 6; ++i) {
      const double right = weights[i] / sum * (i >= 4 ? 2 : 1);
      EXPECT_NEAR(out[i], right, right * (dtype == DType::kFloat32 ? 1e-6 : kBFloat16Rounding))
          << i;
    }
  }
}

TEST_P(KernelsTest, SoftmaxOfExtremes) {
  constexpr float kHuge = std::numeric_limits<float>::max();
  const ScoreSegment segment{0, 33, 1.0f};
  const auto run = [&](float common, float special) {
    std::vector<float> scores(33, common), out(33);
    scores[20] = special;
    GetParam()->softmax_row(scores.data(), 1.0f, &segment, 1, 0, 33, out.data(), DType::kFloat32);
    return out;
  };
  EXPECT_EQ(run(-kHuge, kHuge)[20], 1.0f);
  EXPECT_LT(run(-kHuge, kHuge)[0], 1e-35f);
  EXPECT_EQ(run(1e4f, 1e4f)[20], 1.0f / 33);
  EXPECT_LT(run(0, -INFINITY)[20], 1e-35f);
  EXPECT_NEAR(run(0, -INFINITY)[0], 1.0 / 32, 1e-8);
  EXPECT_THAT(run(0, NAN), testing::Each(testing::IsNan()));
  // No key at all gives zeros.
  std::vector<float> scores(33, 1.0f), out(33, 7.0f);
  GetParam()->softmax_row(scores.data(), 1.0f, &segment, 1, 5, 5, out.data(), DType::kFloat32);
  EXPECT_THAT(out, testing::Each(0.0f));
}

}  // namespace
}  // namespace echo::cpu
