#include "support/matrix.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace echo {
namespace {

// A bfloat16 can hold it too; written around the views of Layout::kColumns.
constexpr float kPoison = std::numeric_limits<float>::quiet_NaN();
constexpr int64_t kMargin = 3;  // columns on each side: views start at odd addresses

}  // namespace

Matrix Matrix::row_range(int64_t begin, int64_t count) const {
  Matrix result(count, cols);
  std::copy_n(values.begin() + begin * cols, count * cols, result.values.begin());
  return result;
}

std::vector<float> Matrix::floats() const {
  std::vector<float> result(values.size());
  for (size_t i = 0; i < values.size(); ++i) result[i] = static_cast<float>(values[i]);
  return result;
}

Matrix random_matrix(int64_t rows, int64_t cols, uint64_t seed, double scale, DType dtype) {
  Matrix result(rows, cols);
  uint64_t state = seed * 0x9e3779b97f4a7c15u + 0x2545f4914f6cdd1du;
  for (double& value : result.values) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    value = scale * (static_cast<double>(state >> 11) * 0x1p-52 - 1.0);
  }
  return rounded(std::move(result), dtype);
}

Matrix rounded(Matrix x, DType dtype) {
  for (double& value : x.values) {
    const float single = static_cast<float>(value);
    value = dtype == DType::kBFloat16 ? bfloat16_to_float(float_to_bfloat16(single)) : single;
  }
  return x;
}

Matrix host(const Tensor& x) {
  Matrix result(x.rows(), x.cols());
  if (x.dtype() == DType::kInt32) {
    const std::vector<int32_t> values = x.to_host_ints();
    result.values.assign(values.begin(), values.end());
  } else {
    const std::vector<float> values = x.to_host();
    result.values.assign(values.begin(), values.end());
  }
  return result;
}

Placed::Placed(Backend& backend, const Matrix& values, DType dtype, Layout layout) {
  const Tensor plain = from_host(backend, values.floats(), values.rows, values.cols);
  if (layout == Layout::kContiguous) {
    whole_ = view_ = cast(plain, dtype);
    return;
  }
  const Matrix poison(values.rows, values.cols + 2 * kMargin, kPoison);
  whole_ = cast(from_host(backend, poison.floats(), poison.rows, poison.cols), dtype);
  view_ = whole_.column_range(kMargin, values.cols);
  copy(plain, view_);
}

bool Placed::surroundings_intact() const {
  const Matrix all = host(whole_);
  const int64_t margin = (all.cols - view_.cols()) / 2;
  for (int64_t r = 0; r < all.rows; ++r) {
    for (int64_t c = 0; c < margin; ++c) {
      if (!std::isnan(all.at(r, c)) || !std::isnan(all.at(r, all.cols - 1 - c))) return false;
    }
  }
  return true;
}

Tensor on_device(Backend& backend, const Matrix& values, DType dtype) {
  return *Placed(backend, values, dtype);
}

testing::AssertionResult is_close(const Matrix& actual, DType dtype, const Expected& expected,
                                  double units) {
  const Matrix& value = expected.value;
  if (actual.rows != value.rows || actual.cols != value.cols) {
    return testing::AssertionFailure()
           << "shape (" << actual.rows << ", " << actual.cols << "), expected (" << value.rows
           << ", " << value.cols << ")";
  }
  double worst = 0;
  size_t worst_index = 0, wrong = 0;
  for (size_t i = 0; i < value.values.size(); ++i) {
    const double a = actual.values[i], e = value.values[i];
    double excess = 0;  // error over what is allowed
    if (std::isnan(a) || std::isnan(e) || std::isinf(e)) {
      const bool same = std::isnan(e) ? std::isnan(a) : a == e;
      excess = same ? 0 : std::numeric_limits<double>::infinity();
    } else {
      const double allowed = units * kFloat32Rounding * std::abs(expected.magnitude.values[i]) +
                             (dtype == DType::kBFloat16 ? kBFloat16Rounding * std::abs(e) : 0) +
                             std::numeric_limits<float>::min();
      excess = std::abs(a - e) / allowed;
    }
    if (excess > 1) ++wrong;
    if (excess > worst) {
      worst = excess;
      worst_index = i;
    }
  }
  if (wrong == 0) return testing::AssertionSuccess() << "worst error / allowed: " << worst;
  const int64_t row = static_cast<int64_t>(worst_index) / value.cols;
  const int64_t col = static_cast<int64_t>(worst_index) % value.cols;
  return testing::AssertionFailure()
         << wrong << " of " << value.values.size() << " elements are wrong; the worst at row "
         << row << ", column " << col << ": " << actual.values[worst_index] << ", expected "
         << value.values[worst_index] << " (" << worst << " times the allowed error)";
}

testing::AssertionResult is_close(const Tensor& actual, const Expected& expected, double units) {
  return is_close(host(actual), actual.dtype(), expected, units);
}

testing::AssertionResult same_bits(const Tensor& a, const Tensor& b) {
  if (a.rows() != b.rows() || a.cols() != b.cols() || a.dtype() != b.dtype()) {
    return testing::AssertionFailure() << "shapes or types differ";
  }
  if (a.dtype() == DType::kInt32) {
    if (a.to_host_ints() == b.to_host_ints()) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "integers differ";
  }
  const std::vector<float> left = a.to_host(), right = b.to_host();
  for (size_t i = 0; i < left.size(); ++i) {
    if (std::memcmp(&left[i], &right[i], sizeof(float)) != 0) {
      return testing::AssertionFailure()
             << "row " << static_cast<int64_t>(i) / a.cols() << ", column "
             << static_cast<int64_t>(i) % a.cols() << ": " << left[i] << " and " << right[i];
    }
  }
  return testing::AssertionSuccess();
}

}  // namespace echo
