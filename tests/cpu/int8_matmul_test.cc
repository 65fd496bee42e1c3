// Products of 8 bits: exact in their codes on every instruction set, close in what they stand for.
#include "cpu/int8_matmul.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "cpu/cpu_backend.h"
#include "support/matrix.h"
#include "tensor/ops.h"

namespace echo::cpu {
namespace {

std::vector<const Int8Kernels*> kernels_or_none() { return supported_int8_kernels(); }

class Int8Matmul : public testing::TestWithParam<const Int8Kernels*> {
 protected:
  static std::unique_ptr<Backend> backend(int threads) {
    CpuOptions options;
    options.threads = threads;
    options.int8 = GetParam();
    return make_cpu_backend(options);
  }
};
INSTANTIATE_TEST_SUITE_P(Cpu, Int8Matmul, testing::ValuesIn(kernels_or_none()),
                         [](const auto& tested) { return std::string(tested.param->name); });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Int8Matmul);

// The codes of a row, and what one of them stands for.
struct Codes {
  std::vector<int> codes;
  float scale = 0;
};

Codes codes_of(const Matrix& x, int64_t row) {
  float largest = 0;
  for (int64_t c = 0; c < x.cols; ++c) {
    largest = std::max(largest, std::abs(static_cast<float>(x.at(row, c))));
  }
  Codes result;
  result.scale = largest > 0 ? largest / 127.0f : 1.0f;
  const float inverse = 1.0f / result.scale;
  for (int64_t c = 0; c < x.cols; ++c) {
    result.codes.push_back(
        static_cast<int>(std::lrint(static_cast<float>(x.at(row, c)) * inverse)));
  }
  return result;
}

struct Int8Size {
  int64_t rows, out, in;
};
const Int8Size kInt8Sizes[] = {{1, 1, 1},     {5, 17, 63},   {33, 31, 64},   {32, 32, 128},
                               {40, 100, 65}, {7, 80, 2048}, {300, 48, 1001}};

TEST_P(Int8Matmul, SumsOfCodesAreExact) {
  for (const int threads : {1, 3}) {
    const auto device = backend(threads);
    for (const Int8Size& size : kInt8Sizes) {
      SCOPED_TRACE(std::to_string(size.rows) + " x " + std::to_string(size.in) + " to " +
                   std::to_string(size.out));
      const Matrix x = random_matrix(size.rows, size.in, 1, 1, DType::kBFloat16);
      const Matrix w = random_matrix(size.out, size.in, 2, 0.1);
      const auto packed =
          device->pack({w.floats().data(), DType::kFloat32, size.out, size.in}, 1, 1, DType::kInt8);
      const Matrix y =
          host(linear(on_device(*device, x, DType::kBFloat16), *packed, {}, DType::kFloat32));
      std::vector<Codes> weights;
      for (int64_t o = 0; o < size.out; ++o) weights.push_back(codes_of(w, o));
      for (int64_t r = 0; r < size.rows; ++r) {
        const Codes row = codes_of(x, r);
        for (int64_t o = 0; o < size.out; ++o) {
          const Codes& column = weights[static_cast<size_t>(o)];
          int64_t sum = 0;
          for (size_t i = 0; i < row.codes.size(); ++i) sum += row.codes[i] * column.codes[i];
          // The same roundings: of the sum to float32, of the product of scales, of their product.
          const float expected = static_cast<float>(sum) * (column.scale * row.scale);
          ASSERT_EQ(static_cast<float>(y.at(r, o)), expected) << r << " " << o;
        }
      }
    }
  }
}

// A file's tensors lie at multiples of their elements' size, no more.
TEST_P(Int8Matmul, StoredCodesMayBeginAtAnyMultipleOfFourBytes) {
  const auto device = backend(1);
  const Matrix x = random_matrix(5, 192, 1, 1, DType::kBFloat16);
  const Matrix w = random_matrix(64, 192, 2, 0.1);
  const auto product = [&](const PackedWeights& packed) {
    return host(linear(on_device(*device, x, DType::kBFloat16), packed, {}, DType::kFloat32))
        .floats();
  };
  const std::vector<float> values = w.floats();
  HostWeights weights{values.data(), DType::kFloat32, w.rows, w.cols};
  const auto packed = device->pack(weights, 1, 1, DType::kInt8);
  const std::span<const std::byte> bytes = device->packed_bytes(*packed);
  const std::string layout = device->packed_layout(w.rows, w.cols, DType::kInt8);
  weights.layout = layout;
  for (const size_t offset : {0, 4, 20, 60}) {
    auto file = std::make_shared<std::vector<std::byte>>(offset + bytes.size());
    std::copy(bytes.begin(), bytes.end(), file->begin() + static_cast<std::ptrdiff_t>(offset));
    weights.data = file->data() + offset;
    weights.owner = file;
    const auto stored = device->pack(weights, 1, 1, DType::kInt8);
    ASSERT_EQ(device->packed_bytes(*stored).data(), weights.data);
    EXPECT_EQ(product(*stored), product(*packed)) << offset;
  }
}

TEST_P(Int8Matmul, ExtremeCodesDoNotOverflow) {
  const auto device = backend(1);
  const int64_t in = 5888;
  for (const double sign : {1.0, -1.0}) {
    const Matrix x(1, in, 3.0), w(2, in, sign);
    const auto packed =
        device->pack({w.floats().data(), DType::kFloat32, 2, in}, 1, 1, DType::kInt8);
    const Matrix y =
        host(linear(on_device(*device, x, DType::kBFloat16), *packed, {}, DType::kFloat32));
    EXPECT_NEAR(y.at(0, 0), sign * 3.0 * static_cast<double>(in), 0.1);
    EXPECT_EQ(y.at(0, 0), y.at(0, 1));
  }
}

TEST_P(Int8Matmul, ZerosStayZerosAndNotANumberSpreads) {
  const auto device = backend(2);
  const int64_t in = 70;
  Matrix x(3, in);
  for (int64_t i = 0; i < in; ++i) x.at(1, i) = 1;
  x.at(2, 5) = std::numeric_limits<double>::infinity();
  Matrix w(4, in);
  for (int64_t i = 0; i < in; ++i) w.at(1, i) = 0.5;
  const auto packed = device->pack({w.floats().data(), DType::kFloat32, 4, in}, 1, 1, DType::kInt8);
  const Matrix y =
      host(linear(on_device(*device, x, DType::kBFloat16), *packed, {}, DType::kFloat32));
  EXPECT_EQ(y.at(0, 0), 0);
  EXPECT_EQ(y.at(0, 1), 0);
  EXPECT_NEAR(y.at(1, 1), 0.5 * static_cast<double>(in), 1e-4);
  EXPECT_TRUE(std::isnan(y.at(2, 1)));  // not a plausible number
}

TEST(Int8Machine, PacksWhereItMultiplies) {
  const auto device = make_cpu_backend();
  EXPECT_EQ(device->packs(DType::kInt8), !supported_int8_kernels().empty());
  EXPECT_FALSE(device->packs(DType::kFloat8));
}

}  // namespace
}  // namespace echo::cpu
