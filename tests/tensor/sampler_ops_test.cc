// Looking up rows, and the sampler's step.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "support/backends.h"
#include "support/reference_ops.h"

namespace echo {
namespace {

class SamplerOps : public BackendTest {};
ECHO_ON_EVERY_BACKEND(SamplerOps);

TEST_P(SamplerOps, GatherRows) {
  for (const DType dtype : kFloatTypes) {
    for (const int64_t cols : {1, 7, 1280}) {
      const Matrix table = random_matrix(256, cols, 1, 1, dtype);
      const std::vector<int32_t> ids = {0, 255, 3, 3, 128};
      const Placed placed(backend(), table, dtype, Layout::kColumns);
      const Tensor y = gather_rows(*placed, from_host(backend(), ids));
      EXPECT_EQ(y.dtype(), dtype);
      const Matrix rows = host(y);
      for (int64_t r = 0; r < 5; ++r) {
        for (int64_t c = 0; c < cols; ++c) {
          EXPECT_EQ(rows.at(r, c), table.at(ids[static_cast<size_t>(r)], c));
        }
      }
    }
  }
}

TEST_P(SamplerOps, NearestRowsFindsTheLargestProduct) {
  struct Size {
    int64_t rows, candidates, cols;
  };
  for (const Size size :
       {Size{1, 1, 1}, Size{40, 1024, 8}, Size{30, 4096, 8}, Size{5, 77, 7}, Size{3, 130, 80}}) {
    for (const Layout layout : {Layout::kContiguous, Layout::kColumns}) {
      const Matrix x = random_matrix(size.rows, size.cols, 1);
      const Matrix table = random_matrix(size.candidates, size.cols, 2);
      const Placed queries(backend(), x, DType::kFloat32, layout);
      const Placed rows(backend(), table, DType::kFloat32, layout);
      const std::vector<int32_t> ids = nearest_rows(*queries, *rows).to_host_ints();
      const Expected products = reference::linear(x, table, {});
      for (int64_t r = 0; r < size.rows; ++r) {
        const int64_t found = ids[static_cast<size_t>(r)];
        ASSERT_GE(found, 0);
        ASSERT_LT(found, size.candidates);
        // Float32 may not tell the two largest apart.
        for (int64_t i = 0; i < size.candidates; ++i) {
          EXPECT_GE(
              products.value.at(r, found),
              products.value.at(r, i) - kSumUnits * kFloat32Rounding * products.magnitude.at(r, i));
        }
      }
    }
  }
}

TEST_P(SamplerOps, NearestRowsTakesTheFirstOfEquals) {
  // Small integers: all products are exact in any order.
  const Matrix x = rounded(random_matrix(20, 8, 1, 0), DType::kFloat32);
  EXPECT_THAT(nearest_rows(on_device(backend(), x), on_device(backend(), Matrix(300, 8, 1.0)))
                  .to_host_ints(),
              testing::Each(0));
  Matrix table(300, 8, 1.0);
  for (const int64_t row : {37, 38, 150, 299}) {
    for (int64_t c = 0; c < 8; ++c) table.at(row, c) = 2;
  }
  EXPECT_THAT(nearest_rows(on_device(backend(), Matrix(20, 8, 3.0)), on_device(backend(), table))
                  .to_host_ints(),
              testing::Each(37));
  EXPECT_THAT(nearest_rows(on_device(backend(), Matrix(20, 8, -3.0)), on_device(backend(), table))
                  .to_host_ints(),
              testing::Each(0));
}

// The guidance is a sum of five terms; the rescaling divides a difference by 1 - t, and its
// ratio's roundings are those of some products.
constexpr double kStepUnits = 8;

TEST_P(SamplerOps, GuidedStep) {
  const std::vector<GuidedStep> steps = {
      {0.999f, 0.974f, 3, 8, false, 1, 1},    {0.999f, 0.974f, 3, 8, true, 1.2f, 3},
      {0.5f, 0.475f, 3, 8, true, 0.9f, 2.5f}, {0.025f, 0, 0, 5, true, 1.1f, 1},
      {1, 0.9f, 3, 8, true, 1.2f, 3},         {0.7f, 0.6f, -1, 0.5f, false, 1, 1},
  };
  for (const int64_t cols : {1, 7, 80}) {
    const Matrix x = random_matrix(640, cols, 1, 3), v = random_matrix(640, cols, 2, 2);
    const Matrix text = random_matrix(640, cols, 3, 2), speaker = random_matrix(640, cols, 4, 2);
    for (const GuidedStep& step : steps) {
      for (const bool with_text : {false, true}) {
        for (const bool with_speaker : {false, true}) {
          const Layout layout = with_text ? Layout::kColumns : Layout::kContiguous;
          const Placed state(backend(), x, DType::kFloat32, layout);
          const Placed velocity(backend(), v, DType::kFloat32, layout);
          guided_step(*state, *velocity, with_text ? on_device(backend(), text) : Tensor(),
                      with_speaker ? on_device(backend(), speaker) : Tensor(), step);
          EXPECT_TRUE(is_close(*state,
                               reference::guided_step(x, v, with_text ? text : Matrix(),
                                                      with_speaker ? speaker : Matrix(), step),
                               kStepUnits))
              << "t " << step.t << ", rescale " << step.rescale;
          EXPECT_TRUE(state.surroundings_intact());
        }
      }
    }
  }
}

}  // namespace
}  // namespace echo
