// What weights of 8 bits cost: products of the backend, then whole models, with and without
// outliers.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "cpu/cpu_backend.h"
#include "cuda/cuda_backend.h"
#include "models/echo_dit.h"
#include "models/random_checkpoint.h"
#include "models/random_weights.h"
#include "nn/golden_set.h"
#include "support/golden.h"
#include "support/reference_ops.h"
#include "support/temp_dir.h"

namespace echo::cuda {
namespace {

Backend& gpu() {
  static const auto backend = make_cuda_backend({});
  return *backend;
}

// ---- Products. ----

// The unit roundoffs of one factor: half a step of 1/127 of a row's largest weight, and of four
// significant bits.
constexpr double kInt8Rounding = 0.5 / 127, kFloat8Rounding = 0x1p-4;

double largest(const Matrix& x, int64_t row) {
  double result = 0;
  for (int64_t c = 0; c < x.cols; ++c) result = std::max(result, std::abs(x.at(row, c)));
  return result;
}

// The most that rounding moves an element of x w^T: for int8 that of the weights, for fp8 that of
// both factors, whose smallest numbers are 2^-10 of the scale, itself at most 2^-7 of the largest.
double bound(DType type, const Matrix& x, const Matrix& w, int64_t row, int64_t out,
             double largest_x, double largest_w) {
  double sum = 0;
  const double step = largest(w, out) * kInt8Rounding;
  for (int64_t i = 0; i < x.cols; ++i) {
    const double a = std::abs(x.at(row, i)), b = std::abs(w.at(out, i));
    if (type == DType::kInt8) {
      sum += a * (step + 0x1p-8 * b);  // expanded weights are rounded to bfloat16
    } else {
      const double da = std::max(a * kFloat8Rounding, largest_x * 0x1p-17);
      const double db = std::max(b * kFloat8Rounding, largest_w * 0x1p-17);
      sum += a * db + b * da + da * db;
    }
  }
  return sum;
}

struct Size {
  int64_t rows, out, in;
};

TEST(NarrowProducts, LieWithinTheRoundingOfTheirTypes) {
  ASSERT_TRUE(gpu().packs(DType::kInt8));
  ASSERT_TRUE(gpu().packs(DType::kFloat8));
  // The last has rows enough to be multiplied through expanded weights.
  for (const Size size : {Size{5, 32, 48}, Size{16, 48, 96}, Size{33, 16, 80}, Size{260, 16, 32}}) {
    for (const DType type : {DType::kInt8, DType::kFloat8}) {
      for (const DType out : {DType::kFloat32, DType::kBFloat16}) {
        for (const bool with_bias : {false, true}) {
          SCOPED_TRACE(std::to_string(size.rows) + " x " + std::to_string(size.in) + " to " +
                       std::to_string(size.out) + ", " + std::string(dtype_name(type)));
          const Matrix x = random_matrix(size.rows, size.in, 1, 1, DType::kBFloat16);
          Matrix w = random_matrix(size.out, size.in, 2, 0.1);
          for (int64_t i = 0; i < size.in; ++i) w.at(3, i) *= 40;  // an output of its own size
          const Matrix bias = with_bias ? random_matrix(1, size.out, 3) : Matrix();
          const Matrix before = random_matrix(size.rows, size.out, 4, 1, out);
          const auto packed =
              gpu().pack({w.floats().data(), DType::kFloat32, size.out, size.in}, 1, 1, type);
          EXPECT_EQ(packed->dtype(), DType::kBFloat16);
          const Tensor input = on_device(gpu(), x, DType::kBFloat16);
          const Tensor b = with_bias ? on_device(gpu(), bias) : Tensor();
          const Matrix y = host(linear(input, *packed, b, out));
          const Placed sum(gpu(), before, out, Layout::kColumns);
          linear_add(input, *packed, b, *sum);
          EXPECT_TRUE(sum.surroundings_intact());
          const Matrix y_add = host(*sum);
          const Matrix expected = reference::linear(x, w, bias).value;
          double largest_x = 0, largest_w = 0, distance = 0;
          for (int64_t r = 0; r < x.rows; ++r) largest_x = std::max(largest_x, largest(x, r));
          for (int64_t r = 0; r < w.rows; ++r) largest_w = std::max(largest_w, largest(w, r));
          for (int64_t r = 0; r < y.rows; ++r) {
            for (int64_t c = 0; c < y.cols; ++c) {
              const double value = expected.at(r, c);
              double limit = bound(type, x, w, r, c, largest_x, largest_w) + 1e-5;
              if (out == DType::kBFloat16) limit += (std::abs(value) + 2) * 0x1p-8;
              ASSERT_LE(std::abs(y.at(r, c) - value), limit) << r << " " << c;
              ASSERT_LE(std::abs(y_add.at(r, c) - value - before.at(r, c)), limit) << r << " " << c;
              distance = std::max(distance, std::abs(y.at(r, c) - value));
            }
          }
          EXPECT_GT(distance, 1e-5);  // they were rounded
        }
      }
    }
  }
}

TEST(NarrowProducts, SizesThatCannotBeStayBFloat16) {
  const Matrix w = random_matrix(7, 24, 2, 1, DType::kBFloat16);
  const Matrix x = random_matrix(3, 24, 1, 1, DType::kBFloat16);
  const auto packed = gpu().pack({w.floats().data(), DType::kFloat32, 7, 24}, 1, 1, DType::kFloat8);
  EXPECT_TRUE(is_close(linear(on_device(gpu(), x, DType::kBFloat16), *packed, {}, DType::kFloat32),
                       reference::linear(x, w, {}), kSumUnits));
}

// ---- Models. ----

// A forward pass of three lanes at t = 0.75.
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
  const std::vector<DitLane> lanes = {
      {kFrames, 0, &text, &speaker}, {kFrames, 0, nullptr, &speaker}, {kFrames, 0, &text, nullptr}};
  const float t = 0.75f;
  return dit.forward(noise("noise", 3 * kFrames), dit.modulation(std::span(&t, 1)), lanes)
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
  int8.narrow = DType::kInt8;
  float8.narrow = DType::kFloat8;
  EXPECT_LT(distance({gpu(), DType::kFloat32}, 0), 1e-4);
  const Distances found{distance(bfloat16, 0), distance(int8, 0), distance(float8, 0),
                        distance(int8, 2), distance(float8, 2)};
  std::printf("%s: bf16 %.2e, int8 %.2e (last blocks wide %.2e), fp8 %.2e (%.2e)\n", name,
              found.bfloat16, found.int8, found.int8_wide, found.float8, found.float8_wide);
  return found;
}

// Rounding to n significant bits moves a number by a share of it whose standard deviation is about
// 2^-n / sqrt(3) / 1.44 (the mean significand). A product with both factors rounded is sqrt(2) of
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

TEST(GoldenNarrowPrecision, RecordedModel) {
  expect_in_proportion(distances("tiny", Weights(golden("tiny").file("dit"))));
}

TEST(NarrowPrecision, PlantedOutliers) {
  const TempDir folder;
  RandomCheckpointOptions options;
  options.seed = 5;
  options.outliers = true;
  const ModelFiles planted = write_random_checkpoint(folder / "planted", options);
  expect_in_proportion(distances("planted outliers", Weights::open(planted.dit)));
}

}  // namespace
}  // namespace echo::cuda
