// Matrices of doubles on the host: what the tests of operations compute their expected results in,
// and the comparison of a tensor with them.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "tensor/ops.h"

namespace echo {

struct Matrix {
  Matrix() = default;
  Matrix(int64_t row_count, int64_t col_count, double fill = 0)
      : rows(row_count),
        cols(col_count),
        values(static_cast<size_t>(row_count * col_count), fill) {}

  double& at(int64_t r, int64_t c) { return values[static_cast<size_t>(r * cols + c)]; }
  double at(int64_t r, int64_t c) const { return values[static_cast<size_t>(r * cols + c)]; }
  Matrix row_range(int64_t begin, int64_t count) const;
  std::vector<float> floats() const;

  int64_t rows = 0;
  int64_t cols = 0;
  std::vector<double> values;
};

// Numbers between -scale and scale, each exactly a float of that type; the same for the same seed.
Matrix random_matrix(int64_t rows, int64_t cols, uint64_t seed, double scale = 1.0,
                     DType dtype = DType::kFloat32);
// The nearest numbers that the type can hold.
Matrix rounded(Matrix x, DType dtype);
Matrix host(const Tensor& x);

// Where a test's tensor lies in memory.
enum class Layout {
  kContiguous,
  kColumns,  // columns in the middle of a wider tensor of NaN
};

// A tensor with these values, and the memory around it.
class Placed {
 public:
  Placed(Backend& backend, const Matrix& values, DType dtype, Layout layout = Layout::kContiguous);
  const Tensor& operator*() const { return view_; }
  const Tensor* operator->() const { return &view_; }
  // Whether nothing was written outside of the view.
  bool surroundings_intact() const;

 private:
  Tensor whole_, view_;
};
Tensor on_device(Backend& backend, const Matrix& values, DType dtype = DType::kFloat32);

// What an operation must give, and for each element the size of the numbers whose rounding to
// float32 it cannot escape.
struct Expected {
  Matrix value;
  Matrix magnitude;
};

// The unit roundoffs: half of the distance of 1 from the next number.
constexpr double kFloat32Rounding = 0x1p-24;
constexpr double kBFloat16Rounding = 0x1p-8;

// A sum of n float32 terms a_i of both signs is a random walk of roundings, whose standard
// deviation is at most 2^-24 sqrt(n sum a_i^2) / sqrt(6) in any order of adding. The magnitude of a
// sum is sqrt(n sum a_i^2), so this many units are twenty standard deviations: sums of the tests'
// sizes do not fail by chance, and one that loses a single term does.
constexpr double kSumUnits = 8;

// |actual - expected| <= units * 2^-24 * magnitude, plus 2^-8 |expected| when `actual` is bfloat16.
// NaN only where NaN is expected. The message names the worst element.
testing::AssertionResult is_close(const Tensor& actual, const Expected& expected, double units);
testing::AssertionResult is_close(const Matrix& actual, DType dtype, const Expected& expected,
                                  double units);
// All elements equal, bit by bit.
testing::AssertionResult same_bits(const Tensor& a, const Tensor& b);

}  // namespace echo
