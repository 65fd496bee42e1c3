#include <gtest/gtest.h>

#include <regex>
#include <string>

#include "engine/noise.h"
#include "support/golden.h"

namespace echo {
namespace {

// The recorded values come from a kernel with its own approximations of log, sin and cos.
constexpr double kTolerance = 5e-6;

void expect_near(const std::string& name, const std::vector<float>& drawn,
                 const std::vector<float>& recorded) {
  ASSERT_EQ(drawn.size(), recorded.size()) << name;
  for (size_t i = 0; i < drawn.size(); ++i) {
    ASSERT_NEAR(drawn[i], recorded[i], kTolerance) << name << " " << i;
  }
}

// The generator of a name such as "seed_-1.n_17". A negative seed is its two's complement.
NoiseGenerator generator_of(const std::string& name) {
  const std::string digits = name.substr(5, name.find('.') - 5);
  const uint64_t seed =
      digits[0] == '-' ? static_cast<uint64_t>(std::stoll(digits)) : std::stoull(digits);
  return NoiseGenerator(NoiseKind::kCpu, seed);
}

std::vector<float> draw_sequence(NoiseGenerator generator, std::initializer_list<int64_t> sizes,
                                 size_t keep) {
  std::vector<float> result;
  for (const int64_t n : sizes) {
    const std::vector<float> part = generator.draw(n);
    result.insert(result.end(), part.begin(), part.begin() + std::min(part.size(), keep));
  }
  return result;
}

// What the recorded name says is drawn; empty for names that hold something else.
std::vector<float> drawn_for(std::string name) {
  if (name.rfind("scalar_path.", 0) == 0) name = name.substr(12);
  NoiseGenerator generator = generator_of(name);
  const std::string what = name.substr(name.find('.') + 1);
  if (what.rfind("n_", 0) == 0) return generator.draw(std::stoll(what.substr(2)));
  if (what == "seq_3_3_20_5_17") return draw_sequence(generator, {3, 3, 20, 5, 17}, 100);
  if (what == "seq_blocks_16_24_8") {
    return draw_sequence(generator, {16 * 80, 24 * 80, 8 * 80}, 32);
  }
  if (what.rfind("shape_1_640_80.", 0) == 0) {
    const std::vector<float> all = generator.draw(640 * 80);
    if (what == "shape_1_640_80.first64") return {all.begin(), all.begin() + 64};
    return {all.end() - 64, all.end()};
  }
  return {};
}

TEST(GoldenNoise, EveryRecordedDraw) {
  const GoldenSet& set = golden("randn");
  int draws = 0;
  for (const TensorView& tensor : set.file("randn")->tensors()) {
    const std::vector<float> drawn = drawn_for(tensor.name);
    if (drawn.empty()) continue;
    expect_near(tensor.name, drawn, tensor.to_float32());
    ++draws;
  }
  EXPECT_GT(draws, 200);
}

TEST(GoldenNoise, UniformBitsAreThoseOfTheEngine) {
  const GoldenSet& set = golden("randn");
  std::mt19937 engine(0);
  for (const int64_t word : set.ints("randn/seed_0.mt19937_u32")) {
    EXPECT_EQ(static_cast<int64_t>(engine()), word);
  }
}

TEST(GoldenNoise, SumsOfWholeLatents) {
  for (const auto& [name, expected] : golden("randn").manifest().at("big").items()) {
    double sum = 0, squares = 0;
    for (const double x : generator_of(name).draw(640 * 80)) {
      sum += x;
      squares += x * x;
    }
    EXPECT_NEAR(sum, expected.at("sum").get<double>(), 51200 * kTolerance) << name;
    EXPECT_NEAR(squares, expected.at("sumsq").get<double>(), 51200 * kTolerance) << name;
  }
}

}  // namespace
}  // namespace echo
