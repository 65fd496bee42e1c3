// Norms and the rotary embedding.
#include <gtest/gtest.h>

#include <cmath>

#include "support/backends.h"
#include "support/reference_ops.h"

namespace echo {
namespace {

class NormOps : public BackendTest {};
ECHO_ON_EVERY_BACKEND(NormOps);

// A sum of n squares drifts by at most sqrt(n) / 3 roundings, and its root by half of that; then
// come two or three more. 2048 is the widest row.
constexpr double kNormUnits = 12;

struct NormSize {
  int64_t rows, cols;
};
// Odd ones, then the models' widths.
constexpr NormSize kNormSizes[] = {{1, 1},   {3, 7},    {5, 80},   {2, 129},
                                   {70, 33}, {9, 1024}, {4, 1280}, {40, 2048}};

TEST_P(NormOps, RmsNorm) {
  for (const NormSize size : kNormSizes) {
    for (const DType in : kFloatTypes) {
      for (const DType out : kFloatTypes) {
        for (const Layout layout : {Layout::kContiguous, Layout::kColumns}) {
          const Matrix x = random_matrix(size.rows, size.cols, 1, 6, in);
          const Matrix weight = random_matrix(1, size.cols, 2, 2);
          const Placed input(backend(), x, in, layout);
          EXPECT_TRUE(is_close(rms_norm(*input, on_device(backend(), weight), 1e-5f, out),
                               reference::rms_norm(x, weight, 1e-5f), kNormUnits))
              << size.rows << " x " << size.cols;
        }
      }
    }
  }
}

TEST_P(NormOps, RmsNormOfZerosIsZeroAndOfHugeValuesFinite) {
  const Tensor weight = on_device(backend(), Matrix(1, 80, 1.0));
  const Tensor zero =
      rms_norm(zeros(backend(), 2, 80, DType::kFloat32), weight, 1e-5f, DType::kFloat32);
  EXPECT_TRUE(is_close(zero, reference::exact(Matrix(2, 80)), 0));
  // 1e-3 is far above the root of eps, so eps must not be lost beside it nor swallow it.
  for (const double size : {1e-3, 190.0, 510.0, 1e15}) {
    const Matrix x = random_matrix(3, 80, 4, size);
    EXPECT_TRUE(is_close(rms_norm(on_device(backend(), x), weight, 1e-5f, DType::kFloat32),
                         reference::rms_norm(x, Matrix(1, 80, 1.0), 1e-5f), kNormUnits));
  }
}

TEST_P(NormOps, NaNStaysInItsRow) {
  Matrix x = random_matrix(5, 129, 1);
  x.at(2, 128) = NAN;
  const Tensor input = on_device(backend(), x), row = on_device(backend(), Matrix(1, 129, 1.0));
  for (const Tensor& y : {rms_norm(input, row, 1e-5f, DType::kFloat32),
                          layer_norm(input, row, row, 1e-6f, DType::kFloat32),
                          modulate(input, row, row, 1e-5f, {{5}}, DType::kBFloat16)}) {
    const Matrix result = host(y);
    for (int64_t r = 0; r < 5; ++r) {
      for (int64_t c = 0; c < 129; ++c) EXPECT_EQ(std::isnan(result.at(r, c)), r == 2);
    }
  }
}

TEST_P(NormOps, LayerNorm) {
  for (const NormSize size : kNormSizes) {
    for (const DType in : kFloatTypes) {
      for (const DType out : kFloatTypes) {
        for (const Layout layout : {Layout::kContiguous, Layout::kColumns}) {
          Matrix x = random_matrix(size.rows, size.cols, 1, 1);
          for (double& value : x.values) value += 3;  // a mean to be taken away
          x = rounded(x, in);
          const Matrix weight = random_matrix(1, size.cols, 2, 2);
          const Matrix bias = random_matrix(1, size.cols, 3);
          const Placed input(backend(), x, in, layout);
          EXPECT_TRUE(is_close(layer_norm(*input, on_device(backend(), weight),
                                          on_device(backend(), bias), 1e-6f, out),
                               reference::layer_norm(x, weight, bias, 1e-6f), kNormUnits))
              << size.rows << " x " << size.cols;
        }
      }
    }
  }
}

const std::vector<Sequences> kLanes = {
    {{40}},
    {{13}, {0}, {27}},
    {{3}, {1}, {4}, {1}, {5}, {9}, {2}, {6}, {0}, {5}, {3}, {1}},
};

TEST_P(NormOps, ModulateTakesEachSequencesShiftAndScale) {
  for (const Sequences& sequences : kLanes) {
    const int64_t count = static_cast<int64_t>(sequences.size());
    for (const int64_t cols : {1, 7, 129, 2048}) {
      for (const DType in : kFloatTypes) {
        for (const DType out : kFloatTypes) {
          for (const int64_t rows : {int64_t{1}, count}) {
            const Layout layout = rows == 1 ? Layout::kContiguous : Layout::kColumns;
            const Matrix x = random_matrix(40, cols, 1, 5, in);
            const Matrix shift = random_matrix(rows, cols, 2),
                         factor = random_matrix(rows, cols, 3);
            const Placed input(backend(), x, in, layout);
            const Placed shifts(backend(), shift, DType::kFloat32, layout);
            const Placed scales(backend(), factor, DType::kFloat32, layout);
            EXPECT_TRUE(is_close(modulate(*input, *shifts, *scales, 1e-5f, sequences, out),
                                 reference::modulate(x, shift, factor, 1e-5f, sequences),
                                 kNormUnits))
                << cols << " columns, " << rows << " of " << count << " sequences";
          }
        }
      }
    }
  }
}

struct HeadCase {
  int64_t heads, width, rotated;
  bool norm;
  int64_t step;
};

TEST_P(NormOps, HeadNormAndRotaryInPlace) {
  const Sequences sequences = {{13, 5}, {0, 0}, {1, 0}, {26, 200}};
  for (const HeadCase& test :
       {HeadCase{16, 128, 8, true, 1}, HeadCase{16, 128, 16, true, 1},
        HeadCase{10, 128, 0, true, 1}, HeadCase{16, 64, 16, false, 1}, HeadCase{2, 128, 1, true, 4},
        HeadCase{3, 2, 2, true, 1}, HeadCase{1, 38, 1, true, 2}, HeadCase{5, 7, 0, true, 1},
        HeadCase{4, 10, 2, false, 3}}) {
    const int64_t cols = test.heads * test.width;
    const Matrix table = test.rotated > 0 ? random_matrix(400, test.width, 8) : Matrix();
    const Matrix weight = test.norm ? random_matrix(test.heads, test.width, 9, 2) : Matrix();
    for (const DType dtype : kFloatTypes) {
      for (const Layout layout : {Layout::kContiguous, Layout::kColumns}) {
        const Matrix x = random_matrix(40, cols, 1, 4, dtype);
        const Placed placed(backend(), x, dtype, layout);
        head_norm_rotary(*placed, test.norm ? on_device(backend(), weight) : Tensor(), 1e-5f,
                         test.rotated > 0 ? on_device(backend(), table) : Tensor(), test.heads,
                         test.rotated, sequences, test.step);
        const Expected expected = reference::head_norm_rotary(x, weight, 1e-5f, table, test.heads,
                                                              test.rotated, sequences, test.step);
        EXPECT_TRUE(is_close(*placed, expected, kNormUnits))
            << test.heads << " heads of " << test.width << ", " << test.rotated << " rotated";
        EXPECT_TRUE(placed.surroundings_intact());
      }
    }
  }
}

TEST_P(NormOps, RotaryTurnsAdjacentPairsByTheirPosition) {
  // One head of two pairs, all ones: the result is the table itself.
  const Matrix x(3, 4, 1.0);
  const Tensor placed = on_device(backend(), x);
  head_norm_rotary(placed, Tensor(), 0, rotary_table(backend(), 10, 4, 10000, false), 1, 1,
                   {{3, 2}});
  const Matrix result = host(placed);
  for (int64_t r = 0; r < 3; ++r) {
    const double slow = static_cast<double>(r + 2) / 100, fast = static_cast<double>(r + 2);
    EXPECT_NEAR(result.at(r, 0), std::cos(fast) - std::sin(fast), 1e-5);
    EXPECT_NEAR(result.at(r, 1), std::sin(fast) + std::cos(fast), 1e-5);
    EXPECT_NEAR(result.at(r, 2), std::cos(slow) - std::sin(slow), 1e-5);
    EXPECT_NEAR(result.at(r, 3), std::sin(slow) + std::cos(slow), 1e-5);
  }
}

}  // namespace
}  // namespace echo
