#include "parity/golden_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include "base/error.h"
#include "support/golden.h"
#include "support/paths.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(RelativeL2, MeasuresAgainstTheExpected) {
  const std::vector<float> expected = {3, 4};
  EXPECT_EQ(relative_l2(expected, expected), 0);
  EXPECT_DOUBLE_EQ(relative_l2(std::vector<float>{3, 5}, expected), 0.2);
  EXPECT_DOUBLE_EQ(relative_l2(std::vector<float>{0, 0}, expected), 1);
}

TEST(RelativeL2, IsInfiniteForWhatCannotBeCompared) {
  const std::vector<float> zero = {0, 0}, one = {1, 0};
  EXPECT_EQ(relative_l2(zero, zero), 0);
  EXPECT_EQ(relative_l2(one, zero), kInfinity);
  EXPECT_EQ(relative_l2(std::vector<float>{1}, one), kInfinity);
  EXPECT_EQ(relative_l2(std::vector<float>{NAN, 0}, one), kInfinity);
  EXPECT_EQ(relative_l2(std::vector<float>{INFINITY, 0}, one), kInfinity);
  EXPECT_EQ(relative_l2({}, {}), 0);
}

TEST(GoldenSet, TellsTheKindsApart) {
  EXPECT_EQ(golden("tiny").kind(), GoldenKind::kStages);
  EXPECT_EQ(golden("tiny-bf16").kind(), GoldenKind::kBFloat16);
  EXPECT_EQ(golden("real-slice").kind(), GoldenKind::kRealSlice);
  EXPECT_EQ(golden("randn").kind(), GoldenKind::kNoise);
}

TEST(GoldenSet, ReadsTensorsOfEveryKind) {
  const GoldenSet& tiny = golden("tiny");
  EXPECT_THAT(tiny.tensor("sampler/base8.out").shape, ElementsAre(1, 64, 80));
  EXPECT_EQ(tiny.floats("sampler/base8.out").size(), 64u * 80);
  const auto mask = tiny.bools("conditioning/speaker_part24.mask");
  EXPECT_EQ(std::count(mask.begin(), mask.end(), 1), 17);
  EXPECT_EQ(tiny.ints("conditioning/text0.ids").at(0), 0);
  EXPECT_TRUE(tiny.has("dit/out_norm.weight"));
  EXPECT_FALSE(tiny.has("dit/absent"));
  EXPECT_FALSE(tiny.has("absent/out_norm.weight"));
  EXPECT_EQ(tiny.document("config")["dit"]["num_layers"], 3);
  EXPECT_EQ(golden("randn").ints("randn/seed_0.mt19937_u32").size(), 8u);
  EXPECT_THROW(tiny.tensor("sampler/absent"), Error);
  EXPECT_THROW(tiny.file("absent"), Error);
  EXPECT_THROW(tiny.document("absent"), Error);
}

TEST(GoldenSet, KnowsTheNoiseOfEveryResult) {
  const GoldenSet& tiny = golden("tiny");
  EXPECT_NEAR(tiny.floor("sampler/base8.out")->float32, 1.3e-5, 1e-6);
  EXPECT_GT(*tiny.floor("sampler/base8.out")->bfloat16, 0.1);
  EXPECT_EQ(tiny.floor("speaker_latent/lt_frame_empty.latent")->float32, 0);
  EXPECT_FALSE(tiny.floor("load_audio/48000_stereo.out")->bfloat16);
  EXPECT_FALSE(tiny.floor("sampler/base8.noise"));
  EXPECT_FALSE(tiny.floor("autoencoder/enc.ragged.codes"));
  EXPECT_GT(tiny.floor("autoencoder/dec.t136.audio_head")->float32, 1e-7)
      << "a stored part has the floor of its whole";

  const GoldenSet& bf16 = golden("tiny-bf16");
  EXPECT_NEAR(bf16.floor("outputs/f32.fwd_t0.7.v")->float32, 1.4e-5, 1e-6);
  EXPECT_NEAR(bf16.floor("outputs/f32_bf16t.fwd_t0.7.v")->float32, 9.1e-6, 1e-7);
  EXPECT_NEAR(*bf16.floor("outputs/f32_bf16t.fwd_t0.7.v")->bfloat16, 0.016, 1e-3);
  EXPECT_NEAR(golden("real-slice").floor("real_slice/fwd.v")->float32, 1.2e-5, 1e-6);
  EXPECT_FALSE(golden("randn").floor("randn/seed_0.n_16"));
}

TEST(GoldenSet, RecordedBFloat16RunsPassTheirOwnLimit) {
  const GoldenSet& set = golden("tiny-bf16");
  for (const std::string name : {"fwd_t0.7.v", "s_default.out", "b_three.out"}) {
    const auto run = set.floats("outputs/bf16." + name);
    EXPECT_TRUE(near_golden_bfloat16(set, "outputs/f32_bf16t." + name, run));
    EXPECT_FALSE(near_golden(set, "outputs/f32_bf16t." + name, run)) << name;
    EXPECT_THROW(set.compare_bfloat16("outputs/f32." + name, run), Error)
        << "rounding t would be most of the difference";
  }
  EXPECT_TRUE(
      near_golden_bfloat16(set, "outputs/f32.text.state", set.floats("outputs/bf16.text.state")));
}

TEST(GoldenSet, AcceptsTenFloorsAndNoMore) {
  const GoldenSet& set = golden("real-slice");
  std::vector<float> values = set.floats("real_slice/sampler.out");
  const double floor = set.floor("real_slice/sampler.out")->float32;
  EXPECT_TRUE(near_golden(set, "real_slice/sampler.out", values));
  for (float& value : values) value *= static_cast<float>(1 + 9 * floor);
  EXPECT_TRUE(near_golden(set, "real_slice/sampler.out", values));
  for (float& value : values) value *= static_cast<float>(1 + 2 * floor);
  const auto result = near_golden(set, "real_slice/sampler.out", values);
  EXPECT_FALSE(result);
  EXPECT_THAT(result.message(), HasSubstr("sampler.out"));
  values.pop_back();
  EXPECT_FALSE(near_golden(set, "real_slice/sampler.out", values));
  EXPECT_THROW(set.compare("real_slice/fwd.x", set.floats("real_slice/fwd.x")), Error)
      << "an input has no floor";
}

TEST(GoldenSet, SaysWhatAFolderLacks) {
  const fs::path folder = fs::path(::testing::TempDir()) / "golden_set_test";
  fs::remove_all(folder);
  const auto code = [&] {
    try {
      GoldenSet::open(folder);
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  };
  EXPECT_EQ(code(), ErrorCode::kNotFound) << "no folder";
  fs::create_directories(folder);
  EXPECT_EQ(code(), ErrorCode::kNotFound) << "no tensors";
  fs::copy(fs::path(golden_path()) / "randn/randn.safetensors", folder);
  EXPECT_EQ(code(), ErrorCode::kNotFound) << "no randn.json";
  std::ofstream(folder / "randn.json") << "{\"big\":";
  EXPECT_EQ(code(), ErrorCode::kCorrupt);
  std::ofstream(folder / "randn.json") << "[]";
  EXPECT_EQ(code(), ErrorCode::kCorrupt);
  std::ofstream(folder / "randn.json") << "{}";
  EXPECT_EQ(GoldenSet::open(folder).kind(), GoldenKind::kNoise);
  fs::resize_file(folder / "randn.safetensors", 1000);
  EXPECT_EQ(code(), ErrorCode::kCorrupt);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace echo
