// Operations that work on each element for itself.
#include <gtest/gtest.h>
#include <algorithm>

#include <cmath>

#include "support/backends.h"
#include "support/reference_ops.h"

namespace echo {
namespace {

class ElementwiseOps : public BackendTest {};
ECHO_ON_EVERY_BACKEND(ElementwiseOps);

// An exponential is good to two units, and a few operations follow.
constexpr double kExpUnits = 6;
// A product and a sum.
constexpr double kAddUnits = 2;

struct RowSize {
  int64_t rows, cols;
};
constexpr RowSize kRowSizes[] = {{1, 1}, {3, 7}, {5, 80}, {2, 129}, {9, 2048}};

double own_size(double x) { return std::abs(x); }

// Each input and output type and layout: f(x, its tensor, the result's type).
template <class F>
void for_each_case(Backend& backend, double scale, F f) {
  for (const RowSize size : kRowSizes) {
    for (const DType in : {DType::kFloat32, DType::kBFloat16}) {
      for (const DType out : {DType::kFloat32, DType::kBFloat16}) {
        for (const Layout layout : {Layout::kContiguous, Layout::kColumns}) {
          SCOPED_TRACE(std::to_string(size.rows) + " x " + std::to_string(size.cols) + ", " +
                       std::string(dtype_name(in)) + " to " + std::string(dtype_name(out)));
          const Matrix x = random_matrix(size.rows, size.cols, 1, scale, in);
          f(x, in, out, layout);
        }
      }
    }
  }
}

TEST_P(ElementwiseOps, ActivationsOfOneInput) {
  for_each_case(backend(), 12, [&](const Matrix& x, DType in, DType out, Layout layout) {
    const Placed input(backend(), x, in, layout);
    EXPECT_TRUE(is_close(silu(*input, out),
                         reference::map(x, reference::silu,
                                        [](double v) {
                                          // exp(-v) has the relative error of v's size.
                                          return std::abs(reference::silu(v)) * (1 + std::abs(v));
                                        }),
                         kExpUnits));
    // 1 + erf is good to a unit of 1 only.
    EXPECT_TRUE(
        is_close(gelu(*input, out), reference::map(x, reference::gelu, own_size), kExpUnits));
    if (in != out) return;
    EXPECT_TRUE(is_close(tanh(*input),
                         reference::map(
                             x, [](double v) { return std::tanh(v); },
                             [](double v) { return std::abs(std::tanh(v)); }),
                         kExpUnits));
  });
}

TEST_P(ElementwiseOps, TanhOfSmallValuesKeepsTheirDigits) {
  Matrix x(1, 129);
  for (int64_t c = 0; c < 129; ++c)
    x.at(0, c) = (c % 2 ? 1 : -1) * std::exp2(-0.25 * static_cast<double>(c));
  x = rounded(x, DType::kFloat32);
  const auto exact_tanh = [](double v) { return std::tanh(v); };
  EXPECT_TRUE(is_close(tanh(on_device(backend(), x)), reference::map(x, exact_tanh, exact_tanh),
                       kExpUnits));
}

TEST_P(ElementwiseOps, ProductsWithActivations) {
  for_each_case(backend(), 12, [&](const Matrix& x, DType in, DType out, Layout layout) {
    const Matrix other = random_matrix(x.rows, x.cols, 2, 3, out);
    Expected product = reference::exact(x), gated = reference::exact(x);
    for (size_t i = 0; i < x.values.size(); ++i) {
      const double a = x.values[i], b = other.values[i];
      product.value.values[i] = reference::silu(a) * b;
      product.magnitude.values[i] = std::abs(reference::silu(a) * b) * (1 + std::abs(a));
      gated.value.values[i] = a * reference::sigmoid(b);
      gated.magnitude.values[i] = std::abs(a) * reference::sigmoid(b) * (1 + std::abs(b));
    }
    const Placed right(backend(), other, out, layout);
    const Placed left(backend(), x, in, layout);
    if (in == out) {
      EXPECT_TRUE(is_close(silu_mul(*left, *right), product, kExpUnits));
    }
    sigmoid_mul(*left, *right);
    EXPECT_TRUE(is_close(*left, gated, kExpUnits));
    EXPECT_TRUE(left.surroundings_intact());
  });
}

// sin^2 loses what the float32 product alpha * x loses, and a unit or two of its own.
Expected snake_of(const Matrix& x, const Matrix& alpha) {
  Expected result = reference::exact(x);
  for (int64_t r = 0; r < x.rows; ++r) {
    for (int64_t c = 0; c < x.cols; ++c) {
      const double a = alpha.at(0, c), v = x.at(r, c), angle = a * v;
      result.value.at(r, c) = reference::snake(v, a);
      result.magnitude.at(r, c) +=
          (std::min(angle * angle, 1.0) + std::abs(angle) * std::min(1.0, 2 * std::abs(angle))) /
          std::abs(a + 1e-9);
    }
  }
  return result;
}
constexpr double kSnakeUnits = 4;

TEST_P(ElementwiseOps, Snake) {
  for_each_case(backend(), 8, [&](const Matrix& x, DType in, DType out, Layout layout) {
    Matrix alpha = random_matrix(1, x.cols, 3, 5);
    for (double& value : alpha.values) value = std::abs(value) + 0.015625;
    const Placed input(backend(), x, in, layout);
    const Placed result(backend(), Matrix(x.rows, x.cols, 7), out, layout);
    snake(*input, on_device(backend(), alpha), *result);
    EXPECT_TRUE(is_close(*result, snake_of(x, alpha), kSnakeUnits));
    EXPECT_TRUE(result.surroundings_intact());
    EXPECT_TRUE(same_bits(snake(*input, on_device(backend(), alpha), out), *result));
  });
}

TEST_P(ElementwiseOps, SnakeOfLargeAndSmallAngles) {
  for (const double scale : {1e-4, 1.0, 1e2, 1e4}) {
    for (const double a : {1e-3, 0.5, 1.0, 3.0}) {
      const Matrix x = random_matrix(3, 300, 5, scale),
                   alpha = rounded(Matrix(1, 300, a), DType::kFloat32);
      EXPECT_TRUE(
          is_close(snake(on_device(backend(), x), on_device(backend(), alpha), DType::kFloat32),
                   snake_of(x, alpha), kSnakeUnits))
          << "x up to " << scale << ", alpha " << a;
    }
  }
}

TEST_P(ElementwiseOps, SnakeStaysBoundedWhereThePhaseIsLost) {
  const std::vector<float> x = {1e7f, 1e9f, -1e12f, 1e20f, 0.0f, -0.0f};
  const Matrix y = host(snake(from_host(backend(), x, 1, 6),
                              on_device(backend(), Matrix(1, 6, 1.0)), DType::kFloat32));
  for (int64_t c = 0; c < 6; ++c) {
    const double v = x[static_cast<size_t>(c)];
    EXPECT_LE(std::abs(y.at(0, c) - v), 1.0 + std::abs(v) * kFloat32Rounding * 2) << v;
  }
}

TEST_P(ElementwiseOps, SnakeWithAlphaZeroIsTheIdentity) {
  const Matrix x = random_matrix(3, 129, 5, 50);
  EXPECT_TRUE(is_close(
      snake(on_device(backend(), x), zeros(backend(), 1, 129, DType::kFloat32), DType::kFloat32),
      reference::exact(x), 0));
}

TEST_P(ElementwiseOps, AddAndAddGated) {
  const std::vector<Sequences> all_sequences = {
      {{40}}, {{13}, {0}, {27}}, {{3}, {1}, {4}, {1}, {5}, {9}, {2}, {6}, {0}, {5}, {3}, {1}}};
  for (const Sequences& sequences : all_sequences) {
    const int64_t count = static_cast<int64_t>(sequences.size());
    for (const int64_t cols : {1, 7, 80, 2048}) {
      for (const DType in : kFloatTypes) {
        for (const DType out : kFloatTypes) {
          for (const int64_t rows : {int64_t{1}, count}) {
            const Layout layout = rows == 1 ? Layout::kContiguous : Layout::kColumns;
            const Matrix x = random_matrix(40, cols, 1, 3, in),
                         to = random_matrix(40, cols, 2, 3, out);
            const Matrix gate = random_matrix(rows, cols, 3, 2);
            const Placed input(backend(), x, in, layout),
                gates(backend(), gate, DType::kFloat32, layout);
            const Placed gated(backend(), to, out, layout), plain(backend(), to, out, layout);
            add_gated(*input, *gates, sequences, *gated);
            EXPECT_TRUE(is_close(*gated, reference::add_gated(x, gate, sequences, to), kAddUnits));
            add(*input, *plain);
            EXPECT_TRUE(is_close(
                *plain, reference::add_gated(x, Matrix(1, cols, 1.0), sequences, to), kAddUnits));
            EXPECT_TRUE(gated.surroundings_intact() && plain.surroundings_intact());
          }
        }
      }
    }
  }
}

TEST_P(ElementwiseOps, Scale) {
  for_each_case(backend(), 3, [&](const Matrix& x, DType in, DType out, Layout layout) {
    if (in != out) return;
    const Placed placed(backend(), x, in, layout);
    scale(*placed, 0.3f);
    EXPECT_TRUE(is_close(*placed,
                         reference::map(
                             x, [](double v) { return v * double{0.3f}; }, own_size),
                         1));
    EXPECT_TRUE(placed.surroundings_intact());
  });
}

TEST_P(ElementwiseOps, CopyAndCastRoundToNearestEven) {
  for_each_case(backend(), 3, [&](const Matrix& x, DType in, DType out, Layout layout) {
    const Placed from(backend(), x, in, layout), to(backend(), Matrix(x.rows, x.cols), out, layout);
    copy(*from, *to);
    EXPECT_EQ(host(*to).values, rounded(x, out).values);
    EXPECT_TRUE(to.surroundings_intact());
    EXPECT_EQ(host(cast(*from, out)).values, rounded(x, out).values);
  });
  const std::vector<float> special = {1.00390625f, 1.01171875f, -1.00390625f, 3.4e38f, INFINITY,
                                      -INFINITY,   1e-40f,      -0.0f,        NAN};
  const std::vector<float> result =
      cast(from_host(backend(), special, 1, 9), DType::kBFloat16).to_host();
  const std::vector<float> expected = {1.0f, 1.015625f, -1.0f, INFINITY, INFINITY, -INFINITY};
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(result[i], expected[i]);
  // Numbers below 2^-126 may become zero.
  EXPECT_TRUE(result[6] == 0 || std::abs(result[6] - 1e-40f) < 1e-40f / 8) << result[6];
  EXPECT_TRUE(std::signbit(result[7]) && result[7] == 0);
  EXPECT_TRUE(std::isnan(result[8]));
}

TEST_P(ElementwiseOps, CastToTheSameTypeIsTheSameMemory) {
  const Tensor x = on_device(backend(), Matrix(2, 3, 1.0));
  scale(cast(x, DType::kFloat32), 2);
  EXPECT_EQ(host(x).values, Matrix(2, 3, 2.0).values);
}

TEST_P(ElementwiseOps, LargeArgumentsSaturate) {
  for (const double size : {60.0, 87.0, 88.0, 89.0, 100.0, 500.0, 1e10, 3e38}) {
    const std::vector<float> values = {static_cast<float>(size), static_cast<float>(-size)};
    const Tensor x = from_host(backend(), values, 1, 2);
    const Tensor ones = on_device(backend(), Matrix(1, 2, 1.0));
    const auto expect = [&](const Tensor& y, double positive, double negative, double tiny) {
      const Matrix result = host(y);
      EXPECT_NEAR(result.at(0, 0), positive, std::abs(positive) * 1e-6) << size;
      EXPECT_NEAR(result.at(0, 1), negative, tiny) << size;
    };
    expect(silu(x, DType::kFloat32), size, 0, size * 1e-25);
    expect(silu_mul(x, ones), size, 0, size * 1e-25);
    expect(gelu(x, DType::kFloat32), size, 0, size * 3e-7);
    expect(tanh(x), 1, -1, 0);
    sigmoid_mul(ones, x);
    expect(ones, 1, 0, 1e-25);
  }
}

TEST_P(ElementwiseOps, NaNGoesThroughAndTouchesNothingElse) {
  for (const DType dtype : kFloatTypes) {
    const auto check = [&](const Tensor& y) {
      const Matrix result = host(y);
      for (int64_t c = 0; c < 40; ++c) EXPECT_EQ(std::isnan(result.at(0, c)), c == 17) << c;
    };
    Matrix values(1, 40, 0.5);
    const Tensor clean = on_device(backend(), values, dtype);
    const Tensor alpha = on_device(backend(), values);
    values.at(0, 17) = NAN;
    const Tensor x = on_device(backend(), values, dtype);
    check(silu(x, DType::kFloat32));
    check(gelu(x, DType::kBFloat16));
    check(tanh(x));
    check(silu_mul(x, clean));
    check(silu_mul(clean, x));
    check(snake(x, alpha, DType::kFloat32));
    check(cast(x, DType::kFloat32));
    Tensor to = on_device(backend(), Matrix(1, 40, 2.0), dtype);
    sigmoid_mul(to, x);
    check(to);
    to = on_device(backend(), Matrix(1, 40, 2.0), dtype);
    add(x, to);
    check(to);
    to = on_device(backend(), Matrix(1, 40, 2.0), dtype);
    add_gated(x, alpha, {{1}}, to);
    check(to);
    scale(x, 2);
    check(x);
  }
}

}  // namespace
}  // namespace echo
