#include "cpu/kernels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "tensor/dtype.h"

namespace echo::cpu {
namespace {

TEST(Kernels, EveryMachineHasTheGenericSetLast) {
  const std::vector<const Kernels*> sets = supported_kernels();
  ASSERT_FALSE(sets.empty());
  EXPECT_EQ(sets.back()->name, "generic");
  for (const Kernels* kernels : sets) {
    EXPECT_THAT(kernels->name, testing::AnyOf("generic", "avx2", "avx512", "avx512bf16", "avx512amx"));
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
    // Numbers below 2^-126 may become zero.
    if (std::abs(values[i]) < std::numeric_limits<float>::min() && back[i] == 0) continue;
    ASSERT_EQ(halves[i], float_to_bfloat16(values[i])) << values[i];
    if (std::isnan(values[i])) continue;
    ASSERT_EQ(back[i], bfloat16_to_float(halves[i]));
  }
  EXPECT_TRUE(std::isnan(back.back()));
}

// Sums of a row are the same wherever the row begins in memory and however many follow.
TEST_P(KernelsTest, ReductionsDoNotDependOnAlignment) {
  std::vector<float> memory(400), weight(129, 1.0f);
  std::vector<std::vector<float>> results;
  for (size_t offset = 0; offset < 17; ++offset) {
    for (size_t i = 0; i < 129; ++i) memory[offset + i] = std::sin(static_cast<float>(i * i));
    results.emplace_back(129);
    GetParam()->rms_norm({memory.data() + offset, 1, 129, 129, DType::kFloat32}, weight.data(),
                         1e-5f, {results.back().data(), 1, 129, 129, DType::kFloat32});
    EXPECT_EQ(results.back(), results.front()) << offset;
  }
}

// One call of many rows, and one for each: the tail of a row takes the same arithmetic.
TEST_P(KernelsTest, AnElementDoesNotDependOnItsPlace) {
  for (const int64_t cols : {1, 5, 15, 16, 17, 40}) {
    std::vector<float> in(static_cast<size_t>(7 * cols)), all(in.size()), each(in.size());
    for (size_t i = 0; i < in.size(); ++i) in[i] = 3 * std::sin(static_cast<float>(i));
    for (const Unary op : {Unary::kSilu, Unary::kGelu, Unary::kTanh}) {
      GetParam()->unary(op, {in.data(), 7, cols, cols, DType::kFloat32},
                        {all.data(), 7, cols, cols, DType::kFloat32});
      for (size_t i = 0; i < in.size(); ++i) {
        GetParam()->unary(op, {&in[i], 1, 1, 1, DType::kFloat32},
                          {&each[i], 1, 1, 1, DType::kFloat32});
      }
      EXPECT_EQ(all, each) << cols;
    }
  }
}

}  // namespace
}  // namespace echo::cpu
