// Matrices that are kept in 8 bits.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "support/backends.h"
#include "support/reference_ops.h"

namespace echo {
namespace {

class QuantizedWeights : public BackendTest {
 protected:
  static std::vector<DType> packed_types() {
    std::vector<DType> types;
    for (const DType type : {DType::kInt8, DType::kFloat8}) {
      if (backend().packs(type)) types.push_back(type);
    }
    return types;
  }
  static bool quantizes_rows() { return backend().name() == "cpu"; }
};
ECHO_ON_EVERY_DEVICE(QuantizedWeights);

TEST_P(QuantizedWeights, TypesThatTheBackendDoesNotPackAreErrors) {
  const std::vector<float> weights(16 * 16, 1.0f);
  for (const DType type : {DType::kInt8, DType::kFloat8}) {
    const HostWeights host_weights{weights.data(), DType::kFloat32, 16, 16};
    if (backend().packs(type)) {
      EXPECT_NE(backend().pack(host_weights, 1, 1, type), nullptr);
    } else {
      EXPECT_THROW(backend().pack(host_weights, 1, 1, type), Error) << dtype_name(type);
    }
  }
}

// The unit roundoffs of one factor: half a step of 1/127 of a row's largest weight, and of four
// significant bits.
constexpr double kInt8Rounding = 0.5 / 127, kFloat8Rounding = 0x1p-4;

double largest(const Matrix& x, int64_t row) {
  double result = 0;
  for (int64_t c = 0; c < x.cols; ++c) result = std::max(result, std::abs(x.at(row, c)));
  return result;
}

// The most that rounding moves an element of x w^T: for int8 that of the weights, and on a CPU that
// of each row of x by its own largest value, for fp8 that of both factors, whose smallest numbers
// are 2^-10 of the scale, itself at most 2^-7 of the largest.
double bound(DType type, bool quantizes_rows, const Matrix& x, const Matrix& w, int64_t row,
             int64_t out, double largest_x, double largest_w) {
  double sum = 0;
  const double step = largest(w, out) * kInt8Rounding;
  const double row_step = quantizes_rows ? largest(x, row) * kInt8Rounding : 0;
  for (int64_t i = 0; i < x.cols; ++i) {
    const double a = std::abs(x.at(row, i)), b = std::abs(w.at(out, i));
    if (type == DType::kInt8) {
      sum += a * (step + 0x1p-8 * b);  // expanded weights are rounded to bfloat16
      sum += row_step * (b + step);
    } else {
      const double da = std::max(a * kFloat8Rounding, largest_x * 0x1p-17);
      const double db = std::max(b * kFloat8Rounding, largest_w * 0x1p-17);
      sum += a * db + b * da + da * db;
    }
  }
  return sum;
}

struct WeightSize {
  int64_t rows, out, in;
};

TEST_P(QuantizedWeights, ProductsLieWithinTheRoundingOfTheirTypes) {
  // The last has rows enough to be multiplied through expanded weights.
  for (const WeightSize size : {WeightSize{5, 32, 48}, WeightSize{16, 48, 96},
                                WeightSize{33, 16, 80}, WeightSize{260, 16, 32}}) {
    for (const DType type : packed_types()) {
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
              backend().pack({w.floats().data(), DType::kFloat32, size.out, size.in}, 1, 1, type);
          EXPECT_EQ(packed->dtype(), DType::kBFloat16);
          const Tensor input = on_device(backend(), x, DType::kBFloat16);
          const Tensor b = with_bias ? on_device(backend(), bias) : Tensor();
          const Matrix y = host(linear(input, *packed, b, out));
          const Placed sum(backend(), before, out, Layout::kColumns);
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
              double limit = bound(type, quantizes_rows(), x, w, r, c, largest_x, largest_w) + 1e-5;
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

// The distance of the product with rows `begin`, ... of `packed` from the exact one.
double distance_of(const Tensor& x, const Matrix& exact_x, const PackedWeights& packed,
                   int64_t begin, const Matrix& w) {
  const Matrix y = host(linear(x, packed, {}, DType::kFloat32).column_range(begin, w.rows));
  const Matrix expected = reference::linear(exact_x, w, {}).value;
  double error = 0, size = 0;
  for (size_t i = 0; i < y.values.size(); ++i) {
    error += std::pow(y.values[i] - expected.values[i], 2);
    size += std::pow(expected.values[i], 2);
  }
  return std::sqrt(error / size);
}

TEST_P(QuantizedWeights, StackedMatricesOfOtherRangesKeepTheirPrecision) {
  const Matrix x = random_matrix(40, 96, 1, 1, DType::kBFloat16);
  const Tensor input = on_device(backend(), x, DType::kBFloat16);
  const Matrix large = random_matrix(48, 96, 2);
  for (const DType type : packed_types()) {
    if (!backend().stacks_matrices(type)) continue;
    for (const double range : {1.0, 0x1p-4, 0x1p-7, 300.0}) {
      const Matrix w = random_matrix(32, 96, 3, range, DType::kBFloat16);
      const std::vector<float> floats = large.floats(), values = w.floats();
      std::vector<BFloat16> halves(values.size());
      std::transform(values.begin(), values.end(), halves.begin(), float_to_bfloat16);
      const HostWeights parts[] = {{floats.data(), DType::kFloat32, large.rows, large.cols},
                                   {halves.data(), DType::kBFloat16, w.rows, w.cols}};
      const double alone = distance_of(input, x, *backend().pack(parts[1], 1, 1, type), 0, w);
      const auto stacked = backend().pack_stacked(parts, type);
      EXPECT_EQ(stacked->out(), 80);
      EXPECT_EQ(stacked->in(), 96);
      const double together = distance_of(input, x, *stacked, large.rows, w);
      EXPECT_LE(together, 1.02 * alone) << dtype_name(type) << ", " << range;
      EXPECT_GT(together, 0);
      if (range > 1) continue;
      const double other = distance_of(input, x, *backend().pack(parts[0], 1, 1, type), 0, large);
      EXPECT_LE(distance_of(input, x, *stacked, 0, large), 1.02 * other);
    }
  }
}

TEST_P(QuantizedWeights, SizesThatCannotBeStayBFloat16) {
  if (!backend().packs(DType::kFloat8)) return;
  const Matrix w = random_matrix(7, 24, 2, 1, DType::kBFloat16);
  const Matrix x = random_matrix(3, 24, 1, 1, DType::kBFloat16);
  const auto packed =
      backend().pack({w.floats().data(), DType::kFloat32, 7, 24}, 1, 1, DType::kFloat8);
  EXPECT_TRUE(
      is_close(linear(on_device(backend(), x, DType::kBFloat16), *packed, {}, DType::kFloat32),
               reference::linear(x, w, {}), kSumUnits));
}

}  // namespace
}  // namespace echo
