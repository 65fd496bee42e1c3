// What weights of 8 bits cost whole models, with and without outliers.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "checkpoint/random_checkpoint.h"
#include "checkpoint/random_weights.h"
#include "cpu/cpu_backend.h"
#include "cuda/cuda_backend.h"
#include "models/echo_dit.h"
#include "parity/golden_set.h"
#include "support/golden.h"
#include "support/shared_by_tests.h"
#include "support/temp_dir.h"

namespace echo::cuda {
namespace {

Backend& gpu() {
  return shared_by_tests([] { return make_cuda_backend({}); });
}

// A forward pass of three sequences at t = 0.75.
std::vector<float> velocity(const LayerContext& context, const Weights& weights,
                            int64_t wide_blocks) {
  constexpr int64_t kFrames = 8, kVoiceFrames = 8;
  const EchoDit dit(context, weights, false, wide_blocks);
  const std::vector<int32_t> ids = {0, 'H', 'e', 'l', 'l', 'o', '.'};
  const KeyValueCache text = dit.encode_text(ids);
  const auto noise = [&](const char* name, int64_t rows) {
    std::vector<float> values(static_cast<size_t>(rows * dit.latent_size()));
    RandomTensor("", name, {0, 1.75f}).values(0, values);
    return from_host(context.backend, values, rows, dit.latent_size());
  };
  const Tensor voice = noise("voice", kVoiceFrames);
  const KeyValueCache speaker = dit.encode_speaker(voice, kVoiceFrames);
  const std::vector<DitSequence> sequences = {
      {kFrames, 0, &text, &speaker}, {kFrames, 0, nullptr, &speaker}, {kFrames, 0, &text, nullptr}};
  const float t = 0.75f;
  return DitSession(dit)
      .forward(noise("noise", 3 * kFrames), dit.modulation(std::span(&t, 1)), sequences)
      .to_host();
}

struct Distances {
  double bfloat16, int8, float8, int8_wide, float8_wide;
};

// Of a model in each precision from the same in float32 on the CPU; "wide": the last two blocks
// bfloat16.
Distances distances(const char* name, const Weights& weights) {
  const auto cpu = cpu::make_cpu_backend();
  const std::vector<float> exact = velocity({*cpu, DType::kFloat32}, weights, 0);
  const auto distance = [&](const LayerContext& context, int64_t wide_blocks) {
    return relative_l2(velocity(context, weights, wide_blocks), exact);
  };
  const LayerContext bfloat16{gpu(), DType::kBFloat16};
  LayerContext int8 = bfloat16, float8 = bfloat16;
  int8.quantized = DType::kInt8;
  float8.quantized = DType::kFloat8;
  EXPECT_LT(distance({gpu(), DType::kFloat32}, 0), 1e-4);
  const Distances found{distance(bfloat16, 0), distance(int8, 0), distance(float8, 0),
                        distance(int8, 2), distance(float8, 2)};
  std::printf("%s: bf16 %.2e, int8 %.2e (last blocks wide %.2e), fp8 %.2e (%.2e)\n", name,
              found.bfloat16, found.int8, found.int8_wide, found.float8, found.float8_wide);
  return found;
}

// Rounding to n significant bits moves a number by a share of it whose standard deviation is about
// 2^-n / sqrt(3) / 1.44 (the mean significand). A matmul with both factors rounded is sqrt(2) of
// that away. int8 rounds evenly spread weights by 1 / (127 * 2) of their standard deviation, and
// inputs as bfloat16 does. To first order these shares reach the result in the same proportion
// through any network, so its distances are as theirs; twice that, as for bfloat16, since a few
// roundings are no average.
void expect_in_proportion(const Distances& found) {
  const auto share = [](int bits) { return std::exp2(-bits) / std::sqrt(3.0) / 1.44; };
  const double both_bfloat16 = std::sqrt(2.0) * share(8);
  const double int8 = std::hypot(1.0 / 254, share(8)) / both_bfloat16;
  const double float8 = share(4) / share(8);
  EXPECT_LE(found.int8, kBFloat16Multiple * int8 * found.bfloat16);
  EXPECT_LE(found.float8, kBFloat16Multiple * float8 * found.bfloat16);
  // That they are there at all, and that wide blocks help.
  EXPECT_GT(found.float8, 2 * found.bfloat16);
  EXPECT_LT(found.float8_wide, found.float8);
  EXPECT_LT(found.int8_wide, found.float8_wide);
}

TEST(GoldenQuantizedPrecision, RecordedModel) {
  expect_in_proportion(distances("tiny", Weights(golden("tiny").file("dit"))));
}

TEST(QuantizedPrecision, PlantedOutliers) {
  const TempDir folder;
  RandomCheckpointOptions options;
  options.seed = 5;
  options.outliers = true;
  const ModelFiles planted = write_random_checkpoint(folder / "planted", options);
  expect_in_proportion(distances("planted outliers", Weights::open(planted.dit)));
}

}  // namespace
}  // namespace echo::cuda
