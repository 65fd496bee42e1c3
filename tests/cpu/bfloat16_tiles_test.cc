// Matmuls and convolutions by AMX's tiles: exact where float32 is, close where it rounds.
#include "cpu/bfloat16_tiles.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "cpu/cpu_backend.h"
#include "tensor/ops.h"

namespace echo::cpu {
namespace {

struct Bfloat16Size {
  int64_t rows, out, in;
};
const Bfloat16Size kBfloat16Sizes[] = {{1, 2, 1},     {5, 17, 63},   {16, 16, 32},  {17, 33, 31},
                                       {33, 31, 64},  {40, 100, 65}, {7, 80, 2048}, {300, 48, 1001},
                                       {32, 5, 2047}, {31, 16, 5888}};

// Small whole numbers: every product and every sum of them is exact.
std::vector<float> whole_numbers(int64_t n, uint32_t seed) {
  std::vector<float> values(static_cast<size_t>(n));
  for (float& value : values) {
    seed = seed * 1664525u + 1013904223u;
    value = static_cast<float>(static_cast<int>(seed >> 28) - 8);
  }
  return values;
}

std::vector<float> fractions(int64_t n, uint32_t seed) {
  std::vector<float> values(static_cast<size_t>(n));
  for (float& value : values) {
    seed = seed * 1664525u + 1013904223u;
    value = bfloat16_to_float(
        float_to_bfloat16(static_cast<float>(static_cast<int32_t>(seed)) * 0x1p-31f));
  }
  return values;
}

class Bfloat16Tiles : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_bfloat16_tiles()) GTEST_SKIP() << "this machine has no AMX for bfloat16";
  }
  static std::unique_ptr<Backend> backend(int threads) {
    return make_cpu_backend({.threads = threads});
  }
};

TEST_F(Bfloat16Tiles, SumsOfWholeNumbersAreExact) {
  for (const int threads : {1, 3}) {
    const auto device = backend(threads);
    for (const Bfloat16Size& size : kBfloat16Sizes) {
      SCOPED_TRACE(std::to_string(size.rows) + " x " + std::to_string(size.in) + " to " +
                   std::to_string(size.out));
      const std::vector<float> x = whole_numbers(size.rows * size.in, 1);
      const std::vector<float> w = whole_numbers(size.out * size.in, 2);
      const std::vector<float> b = whole_numbers(size.out, 3);
      const auto packed =
          device->pack({w.data(), DType::kFloat32, size.out, size.in}, 1, 1, DType::kBFloat16);
      ASSERT_TRUE(is_tiles(*packed));
      const Tensor input = cast(from_host(*device, x, size.rows, size.in), DType::kBFloat16);
      const Tensor bias = from_host(*device, b, 1, size.out);
      const Tensor plain = linear(input, *packed, {}, DType::kFloat32);
      const Tensor more = linear(input, *packed, bias, DType::kFloat32);
      linear_add(input, *packed, {}, more);
      const Tensor narrow = linear(input, *packed, bias, DType::kBFloat16);
      const std::vector<float> y = plain.to_host(), twice = more.to_host();
      const std::vector<float> rounded = cast(narrow, DType::kFloat32).to_host();
      for (int64_t r = 0; r < size.rows; ++r) {
        for (int64_t o = 0; o < size.out; ++o) {
          int64_t sum = 0;
          for (int64_t i = 0; i < size.in; ++i) {
            sum += static_cast<int64_t>(x[static_cast<size_t>(r * size.in + i)] *
                                        w[static_cast<size_t>(o * size.in + i)]);
          }
          const auto at = static_cast<size_t>(r * size.out + o);
          const auto exact = static_cast<float>(sum);
          const float with_bias = exact + b[static_cast<size_t>(o)];
          ASSERT_EQ(y[at], exact) << r << " " << o;
          ASSERT_EQ(twice[at], with_bias + exact) << r << " " << o;
          ASSERT_EQ(rounded[at], bfloat16_to_float(float_to_bfloat16(with_bias)));
        }
      }
    }
  }
}

TEST_F(Bfloat16Tiles, FractionsAreAsCloseAsFloat32Adds) {
  const auto device = backend(2);
  const int64_t rows = 37, out = 50, in = 3000;
  const std::vector<float> x = fractions(rows * in, 1), w = fractions(out * in, 2);
  const auto packed = device->pack({w.data(), DType::kFloat32, out, in}, 1, 1, DType::kBFloat16);
  const Tensor input = cast(from_host(*device, x, rows, in), DType::kBFloat16);
  const std::vector<float> y = linear(input, *packed, {}, DType::kFloat32).to_host();
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t o = 0; o < out; ++o) {
      double sum = 0, magnitude = 0;
      for (int64_t i = 0; i < in; ++i) {
        const double term =
            double{x[static_cast<size_t>(r * in + i)]} * w[static_cast<size_t>(o * in + i)];
        sum += term;
        magnitude += std::abs(term);
      }
      // Each of the sums along the way is rounded once.
      const double bound = magnitude * std::sqrt(static_cast<double>(in)) * 0x1p-23;
      ASSERT_NEAR(y[static_cast<size_t>(r * out + o)], sum, bound) << r << " " << o;
    }
  }
}

TEST_F(Bfloat16Tiles, ARowDependsOnNothingButItself) {
  const auto one = backend(1), three = backend(3);
  const int64_t rows = 70, out = 100, in = 200;
  const std::vector<float> x = fractions(rows * in, 1), w = fractions(out * in, 2);
  const HostWeights host{w.data(), DType::kFloat32, out, in};
  const auto all_of = [&](Backend& device, int64_t first, int64_t count) {
    const auto packed = device.pack(host, 1, 1, DType::kBFloat16);
    const Tensor input = cast(from_host(device, x, rows, in), DType::kBFloat16);
    return linear(input.row_range(first, count), *packed, {}, DType::kFloat32).to_host();
  };
  const std::vector<float> all = all_of(*one, 0, rows);
  EXPECT_EQ(all_of(*three, 0, rows), all);
  for (const int64_t row : {0, 15, 16, 37, 69}) {
    EXPECT_EQ(all_of(*three, row, 1),
              std::vector<float>(all.begin() + row * out, all.begin() + (row + 1) * out));
  }
}

TEST_F(Bfloat16Tiles, ColumnsOfWiderTensorsAreReadAndWritten) {
  const auto device = backend(2);
  const int64_t rows = 35, out = 20, in = 48;
  const std::vector<float> x = whole_numbers(rows * 3 * in, 1), w = whole_numbers(out * in, 2);
  const auto packed = device->pack({w.data(), DType::kFloat32, out, in}, 1, 1, DType::kBFloat16);
  const Tensor wide = cast(from_host(*device, x, rows, 3 * in), DType::kBFloat16);
  const Tensor part = wide.column_range(in, in);
  const Tensor to = zeros(*device, rows, 2 * out + 1, DType::kFloat32);
  linear_add(part, *packed, {}, to.column_range(out, out));
  const Tensor copied = empty(*device, rows, in, DType::kBFloat16);
  copy(part, copied);
  EXPECT_EQ(to.column_range(out, out).to_host(),
            linear(copied, *packed, {}, DType::kFloat32).to_host());
  for (const float value : to.column_range(0, out).to_host()) EXPECT_EQ(value, 0);
  for (const float value : to.column_range(2 * out, 1).to_host()) EXPECT_EQ(value, 0);
}

TEST_F(Bfloat16Tiles, InfinityStaysInItsRow) {
  const auto device = backend(1);
  const int64_t rows = 20, out = 18, in = 40;
  std::vector<float> x(static_cast<size_t>(rows * in), 1.0f);
  x[static_cast<size_t>(3 * in + 39)] = std::numeric_limits<float>::infinity();
  const std::vector<float> w(static_cast<size_t>(out * in), 0.5f);
  const auto packed = device->pack({w.data(), DType::kFloat32, out, in}, 1, 1, DType::kBFloat16);
  const Tensor input = cast(from_host(*device, x, rows, in), DType::kBFloat16);
  const std::vector<float> y = linear(input, *packed, {}, DType::kFloat32).to_host();
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t o = 0; o < out; ++o) {
      const float value = y[static_cast<size_t>(r * out + o)];
      EXPECT_EQ(value, r == 3 ? std::numeric_limits<float>::infinity() : 20.0f);
    }
  }
}

struct TileConvolution {
  int64_t rows, out, in, taps, stride, dilation;
  int64_t input_rows() const { return (rows - 1) * stride + dilation * (taps - 1) + 1; }
};

// Threads share the outputs of the first ones, the rows of the others.
const TileConvolution kTileConvolutions[] = {
    {1, 33, 16, 2, 1, 1},  {5, 64, 40, 7, 1, 9},   {16, 96, 64, 2, 2, 1}, {70, 100, 33, 3, 1, 3},
    {40, 17, 31, 7, 1, 1}, {100, 40, 64, 4, 2, 1}, {65, 20, 96, 7, 1, 9}, {3000, 18, 96, 7, 1, 3},
    {33, 2, 20, 16, 8, 1}, {400, 5, 1024, 2, 2, 2}};

std::string name_of(const TileConvolution& c) {
  return std::to_string(c.rows) + " rows, " + std::to_string(c.in) + " to " +
         std::to_string(c.out) + ", " + std::to_string(c.taps) + " taps, stride " +
         std::to_string(c.stride) + ", dilation " + std::to_string(c.dilation);
}

std::shared_ptr<PackedWeights> pack(Backend& device, const TileConvolution& c,
                                    const std::vector<float>& w) {
  return device.pack({w.data(), DType::kFloat32, c.out, c.in, c.taps}, c.stride, c.dilation,
                     DType::kBFloat16);
}

TEST_F(Bfloat16Tiles, ConvolutionsOfWholeNumbersAreExact) {
  for (const int threads : {1, 3}) {
    const auto device = backend(threads);
    for (const TileConvolution& c : kTileConvolutions) {
      SCOPED_TRACE(name_of(c));
      const std::vector<float> x = whole_numbers(c.input_rows() * c.in, 1);
      const std::vector<float> w = whole_numbers(c.out * c.in * c.taps, 2);
      const std::vector<float> b = whole_numbers(c.out, 3), old = whole_numbers(c.rows * c.out, 4);
      const auto packed = pack(*device, c, w);
      ASSERT_TRUE(is_tiles(*packed));
      const Tensor input = cast(from_host(*device, x, c.input_rows(), c.in), DType::kBFloat16);
      const Tensor bias = from_host(*device, b, 1, c.out);
      const Tensor sum = from_host(*device, old, c.rows, c.out);
      device->conv1d(input, *packed, {}, true, sum);
      const std::vector<float> added = sum.to_host();
      const std::vector<float> rounded =
          cast(conv1d(input, *packed, bias, DType::kBFloat16), DType::kFloat32).to_host();
      for (int64_t r = 0; r < c.rows; ++r) {
        for (int64_t o = 0; o < c.out; ++o) {
          int64_t exact = 0;
          for (int64_t j = 0; j < c.taps; ++j) {
            const int64_t row = r * c.stride + j * c.dilation;
            for (int64_t i = 0; i < c.in; ++i) {
              exact += static_cast<int64_t>(x[static_cast<size_t>(row * c.in + i)] *
                                            w[static_cast<size_t>((o * c.in + i) * c.taps + j)]);
            }
          }
          const auto at = static_cast<size_t>(r * c.out + o);
          const auto value = static_cast<float>(exact);
          ASSERT_EQ(added[at], old[at] + value) << r << " " << o;
          ASSERT_EQ(rounded[at],
                    bfloat16_to_float(float_to_bfloat16(value + b[static_cast<size_t>(o)])));
        }
      }
    }
  }
}

TEST_F(Bfloat16Tiles, ARowOfAConvolutionDependsOnNothingButWhatItsTapsSee) {
  const auto one = backend(1), three = backend(3);
  for (const TileConvolution& c : kTileConvolutions) {
    SCOPED_TRACE(name_of(c));
    const std::vector<float> x = fractions(c.input_rows() * c.in, 1);
    const std::vector<float> w = fractions(c.out * c.in * c.taps, 2);
    const auto rows_of = [&](Backend& device, int64_t first, int64_t count) {
      const TileConvolution part{count, c.out, c.in, c.taps, c.stride, c.dilation};
      const Tensor input = cast(from_host(device, x, c.input_rows(), c.in), DType::kBFloat16);
      return conv1d(input.row_range(first * c.stride, part.input_rows()), *pack(device, c, w), {},
                    DType::kFloat32)
          .to_host();
    };
    const std::vector<float> all = rows_of(*one, 0, c.rows);
    EXPECT_EQ(rows_of(*three, 0, c.rows), all);
    for (const int64_t row : {int64_t{0}, c.rows / 3, c.rows - 1}) {
      EXPECT_EQ(rows_of(*three, row, 1),
                std::vector<float>(all.begin() + row * c.out, all.begin() + (row + 1) * c.out));
    }
  }
}

TEST_F(Bfloat16Tiles, AConvolutionReadsAndWritesColumnsOfWiderTensors) {
  const auto device = backend(2);
  const TileConvolution c{35, 20, 48, 7, 1, 3};
  const std::vector<float> x = whole_numbers(c.input_rows() * 3 * c.in, 1);
  const auto packed = pack(*device, c, whole_numbers(c.out * c.in * c.taps, 2));
  const Tensor wide = cast(from_host(*device, x, c.input_rows(), 3 * c.in), DType::kBFloat16);
  const Tensor part = wide.column_range(c.in, c.in);
  const Tensor to = zeros(*device, c.rows, 2 * c.out + 1, DType::kFloat32);
  device->conv1d(part, *packed, {}, true, to.column_range(c.out, c.out));
  const Tensor copied = empty(*device, c.input_rows(), c.in, DType::kBFloat16);
  copy(part, copied);
  EXPECT_EQ(to.column_range(c.out, c.out).to_host(),
            conv1d(copied, *packed, {}, DType::kFloat32).to_host());
  for (const float value : to.column_range(0, c.out).to_host()) EXPECT_EQ(value, 0);
  for (const float value : to.column_range(2 * c.out, 1).to_host()) EXPECT_EQ(value, 0);
}

}  // namespace
}  // namespace echo::cpu
