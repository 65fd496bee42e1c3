// Matrix products and convolutions.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/backends.h"
#include "support/reference_ops.h"

namespace echo {
namespace {

class MatrixOps : public BackendTest {
 protected:
  // Weights given to the backend as float32 or bfloat16, packed as `precision`.
  static std::shared_ptr<PackedWeights> pack(const Matrix& weight, DType host_type, DType precision,
                                             int64_t taps = 1, int64_t stride = 1,
                                             int64_t dilation = 1) {
    const std::vector<float> floats = weight.floats();
    std::vector<BFloat16> halves(floats.size());
    std::transform(floats.begin(), floats.end(), halves.begin(), float_to_bfloat16);
    const void* data = host_type == DType::kFloat32 ? static_cast<const void*>(floats.data())
                                                    : static_cast<const void*>(halves.data());
    return backend().pack({data, host_type, weight.rows, weight.cols / taps, taps}, stride,
                          dilation, precision);
  }
  // y, then y_add = what was there + y, both compared with the reference.
  static void expect_both(const Tensor& y, const Placed& y_add, const Matrix& before,
                          const Expected& expected) {
    EXPECT_TRUE(is_close(y, expected, kSumUnits));
    EXPECT_TRUE(is_close(*y_add, reference::sum(expected, before), kSumUnits));
    EXPECT_TRUE(y_add.surroundings_intact());
  }
};
ECHO_ON_EVERY_DEVICE(MatrixOps);

TEST_P(MatrixOps, LinearOfEveryTypeLayoutAndOddSize) {
  struct Size {
    int64_t rows, out, in;
  };
  for (const Size size : {Size{1, 1, 1}, Size{3, 7, 80}, Size{12, 129, 7}, Size{33, 80, 129},
                          Size{5, 8, 1024}, Size{2, 1, 96}}) {
    for (const DType precision : matrix_types()) {
      for (const DType out : kFloatTypes) {
        for (const Layout layout : {Layout::kContiguous, Layout::kColumns}) {
          for (const bool with_bias : {false, true}) {
            SCOPED_TRACE(std::to_string(size.rows) + " x " + std::to_string(size.in) + " to " +
                         std::to_string(size.out) + ", " + std::string(dtype_name(precision)) +
                         " to " + std::string(dtype_name(out)));
            const Matrix x = random_matrix(size.rows, size.in, 1, 1, precision);
            const Matrix w = random_matrix(size.out, size.in, 2, 1, precision);
            const Matrix bias = with_bias ? random_matrix(1, size.out, 3) : Matrix();
            const Matrix before = random_matrix(size.rows, size.out, 4, 1, out);
            const Placed input(backend(), x, precision, layout),
                sum(backend(), before, out, layout);
            const Tensor b = with_bias ? on_device(backend(), bias) : Tensor();
            const auto packed = pack(w, with_bias ? DType::kFloat32 : precision, precision);
            linear_add(*input, *packed, b, *sum);
            expect_both(linear(*input, *packed, b, out), sum, before,
                        reference::linear(x, w, bias));
          }
        }
      }
    }
  }
}

TEST_P(MatrixOps, LinearRoundsWeightsToThePrecision) {
  for (const DType host_type : kFloatTypes) {
    for (const DType precision : matrix_types()) {
      const Matrix w = random_matrix(64, 96, 2, 1, host_type),
                   x = random_matrix(5, 96, 1, 1, precision);
      const auto packed = pack(w, host_type, precision);
      EXPECT_EQ(packed->dtype(), precision);
      EXPECT_EQ(packed->out(), 64);
      EXPECT_EQ(packed->in(), 96);
      EXPECT_TRUE(is_close(linear(on_device(backend(), x, precision), *packed, {}, DType::kFloat32),
                           reference::linear(x, rounded(w, precision), {}), kSumUnits));
    }
  }
}

// The models' matrices, at many numbers of rows: a few rows of each are compared, and all
// must be finite.
TEST_P(MatrixOps, LinearOfTheModelsShapesAtManyRowCounts) {
  if (emulated()) GTEST_SKIP() << "large products are the library's, which is not emulated";
  struct Shape {
    int64_t out, in;
    std::vector<int64_t> rows;
  };
  std::vector<int64_t> many(40);
  for (size_t i = 0; i < many.size(); ++i) many[i] = static_cast<int64_t>(i) + 1;
  many.insert(many.end(), {54, 122, 640, 1920});
  const std::vector<Shape> shapes = {{2048, 80, many},          {80, 2048, {1, 54, 640, 1920}},
                                     {256, 2048, {1, 40, 640}}, {1280, 320, {1, 54, 122}},
                                     {2048, 2048, {3, 640}},    {2048, 5888, {640}},
                                     {1024, 80, {64, 640}}};
  for (const Shape& shape : shapes) {
    for (const DType precision : matrix_types()) {
      const Matrix w = random_matrix(shape.out, shape.in, 2, 0.05, precision);
      const auto packed = pack(w, precision, precision);
      for (const int64_t rows : shape.rows) {
        SCOPED_TRACE(std::to_string(rows) + " x " + std::to_string(shape.in) + " to " +
                     std::to_string(shape.out) + ", " + std::string(dtype_name(precision)));
        const Matrix x = random_matrix(rows, shape.in, 1, 1, precision);
        const Tensor y = linear(on_device(backend(), x, precision), *packed, {}, DType::kFloat32);
        for (const int64_t row : {int64_t{0}, rows - 1}) {
          EXPECT_TRUE(is_close(y.row_range(row, 1), reference::linear(x.row_range(row, 1), w, {}),
                               kSumUnits));
        }
        const std::vector<float> all = y.to_host();
        EXPECT_TRUE(std::all_of(all.begin(), all.end(), [](float v) { return std::isfinite(v); }));
      }
    }
  }
}

struct ConvShape {
  int64_t in, out, taps, stride, dilation, rows;
};
// Odd ones, then the codec's.
const ConvShape kConvolutions[] = {
    {1, 1, 1, 1, 1, 1},       {3, 5, 2, 1, 1, 9},       {7, 80, 7, 1, 3, 20},
    {5, 129, 3, 2, 2, 6},     {1, 64, 7, 1, 1, 100},    {64, 64, 7, 1, 9, 40},
    {64, 64, 1, 1, 1, 9},     {64, 128, 4, 2, 1, 33},   {128, 256, 8, 4, 1, 17},
    {256, 512, 16, 8, 1, 4},  {1024, 1024, 3, 1, 1, 2}, {1024, 1024, 2, 2, 1, 2},
    {1024, 1536, 7, 1, 1, 1}, {1536, 768, 2, 1, 1, 3},  {768, 768, 7, 1, 1, 6},
    {384, 384, 7, 1, 3, 8},   {192, 192, 7, 1, 9, 64},  {96, 96, 7, 1, 9, 150},
    {96, 96, 1, 1, 1, 50},    {96, 1, 7, 1, 1, 300},
};

TEST_P(MatrixOps, Conv1d) {
  for (const ConvShape& shape : kConvolutions) {
    for (const DType precision : matrix_types()) {
      const Matrix w = random_matrix(shape.out, shape.in * shape.taps, 2, 0.1, precision);
      const auto packed = pack(w, precision, precision, shape.taps, shape.stride, shape.dilation);
      EXPECT_EQ(packed->taps(), shape.taps);
      EXPECT_EQ(packed->stride(), shape.stride);
      EXPECT_EQ(packed->dilation(), shape.dilation);
      const int64_t rows = (shape.rows - 1) * shape.stride + shape.dilation * (shape.taps - 1) + 1;
      const Matrix x = random_matrix(rows, shape.in, 1, 1, precision);
      const Matrix bias = random_matrix(1, shape.out, 3);
      const Tensor b = on_device(backend(), bias);
      const Expected expected =
          reference::conv1d(x, w, shape.taps, shape.stride, shape.dilation, bias);
      for (const DType out : kFloatTypes) {
        for (const Layout layout : {Layout::kContiguous, Layout::kColumns}) {
          if (layout == Layout::kColumns && shape.in * shape.out > 20000) continue;
          SCOPED_TRACE(std::to_string(shape.in) + " to " + std::to_string(shape.out) + ", " +
                       std::to_string(shape.taps) + " taps, stride " +
                       std::to_string(shape.stride) + ", dilation " +
                       std::to_string(shape.dilation) + ", " + std::string(dtype_name(precision)) +
                       " to " + std::string(dtype_name(out)));
          const Matrix before = random_matrix(shape.rows, shape.out, 4, 1, out);
          const Placed input(backend(), x, precision, layout), sum(backend(), before, out, layout);
          conv1d_add(*input, *packed, b, *sum);
          expect_both(conv1d(*input, *packed, b, out), sum, before, expected);
        }
      }
    }
  }
}

TEST_P(MatrixOps, Conv1dLeavesOutRowsThatDoNotFillAStride) {
  const Matrix w = random_matrix(16, 8 * 4, 2), x = random_matrix(14, 8, 1);
  const auto packed = pack(w, DType::kFloat32, DType::kFloat32, 4, 4);
  const Tensor y = conv1d(on_device(backend(), x), *packed, {}, DType::kFloat32);
  EXPECT_EQ(y.rows(), 3);
  EXPECT_TRUE(is_close(y, reference::conv1d(x, w, 4, 4, 1, {}), kSumUnits));
}

TEST_P(MatrixOps, DepthwiseConv1d) {
  struct Size {
    int64_t rows, cols, taps;
  };
  for (const Size size :
       {Size{1, 1, 1}, Size{7, 80, 7}, Size{20, 129, 7}, Size{50, 1024, 7}, Size{4, 7, 2}}) {
    for (const Layout layout : {Layout::kContiguous, Layout::kColumns}) {
      for (const bool with_bias : {false, true}) {
        const Matrix x = random_matrix(size.rows, size.cols, 1),
                     w = random_matrix(size.taps, size.cols, 2);
        const Matrix bias = with_bias ? random_matrix(1, size.cols, 3) : Matrix();
        const Placed input(backend(), x, DType::kFloat32, layout);
        const Tensor y = depthwise_conv1d(*input, on_device(backend(), w),
                                          with_bias ? on_device(backend(), bias) : Tensor());
        EXPECT_TRUE(is_close(y, reference::depthwise_conv1d(x, w, bias), kSumUnits));
      }
    }
  }
}

TEST_P(MatrixOps, NaNStaysInTheRowsThatSeeIt) {
  for (const DType precision : matrix_types()) {
    Matrix x = random_matrix(12, 33, 1, 1, precision);
    x.at(5, 32) = NAN;
    const Tensor input = on_device(backend(), x, precision);
    const auto packed = pack(random_matrix(20, 33, 2), DType::kFloat32, precision);
    const Matrix y = host(linear(input, *packed, {}, DType::kFloat32));
    const auto taps = pack(random_matrix(20, 33 * 3, 2), DType::kFloat32, precision, 3, 1, 2);
    const Matrix z = host(conv1d(input, *taps, {}, DType::kFloat32));
    for (int64_t c = 0; c < 20; ++c) {
      for (int64_t r = 0; r < 12; ++r) EXPECT_EQ(std::isnan(y.at(r, c)), r == 5);
      for (int64_t r = 0; r < 8; ++r) EXPECT_EQ(std::isnan(z.at(r, c)), r == 1 || r == 3 || r == 5);
    }
  }
}

}  // namespace
}  // namespace echo
