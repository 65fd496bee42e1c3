#include "tensor/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "support/backends.h"
#include "support/reference_ops.h"

namespace echo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TensorMemory : public BackendTest {};
ECHO_ON_EVERY_DEVICE(TensorMemory);

template <class F>
std::string internal_error(F f) {
  try {
    f();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInternal) << error.what();
    return error.what();
  }
  return "no error";
}

// 0 1 2 ... in rows.
Tensor counted(Backend& backend, int64_t rows, int64_t cols) {
  std::vector<float> values(static_cast<size_t>(rows * cols));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  return from_host(backend, values, rows, cols);
}

TEST_P(TensorMemory, ViewsShowTheSameElements) {
  const Tensor x = counted(backend(), 4, 6);
  EXPECT_TRUE(x.contiguous());
  const Tensor rows = x.row_range(1, 2);
  EXPECT_THAT(rows.to_host(), ElementsAre(6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17));
  EXPECT_TRUE(rows.contiguous());
  const Tensor columns = rows.column_range(2, 3);
  EXPECT_THAT(columns.to_host(), ElementsAre(8, 9, 10, 14, 15, 16));
  EXPECT_FALSE(columns.contiguous());
  EXPECT_EQ(columns.stride(), 6);
  EXPECT_THAT(columns.row_range(1, 1).to_host(), ElementsAre(14, 15, 16));
  EXPECT_TRUE(columns.row_range(1, 1).contiguous()) << "one row is";
  copy(from_host(backend(), std::vector<float>{-1, -2}, 2, 1), columns.column_range(1, 1));
  EXPECT_THAT(x.row_range(1, 2).to_host(),
              ElementsAre(6, 7, 8, -1, 10, 11, 12, 13, 14, -2, 16, 17));
}

TEST_P(TensorMemory, ViewsMayBeEmpty) {
  const Tensor x = counted(backend(), 3, 4);
  EXPECT_TRUE(x.row_range(3, 0).empty());
  EXPECT_TRUE(x.column_range(4, 0).empty());
  EXPECT_TRUE(x.row_range(3, 0).to_host().empty());
  EXPECT_TRUE(Tensor().empty());
  EXPECT_TRUE(Tensor().to_host().empty());
  EXPECT_TRUE(zeros(backend(), 0, 7, DType::kFloat32).empty());
  EXPECT_TRUE(from_host(backend(), std::span<const int32_t>()).empty());
}

TEST_P(TensorMemory, RowsAndColumnsAreSplit) {
  const Tensor x = counted(backend(), 2, 6);
  const Tensor thirds = x.split_rows(3);
  EXPECT_EQ(thirds.rows(), 6);
  EXPECT_EQ(thirds.cols(), 2);
  EXPECT_THAT(thirds.row_range(3, 2).to_host(), ElementsAre(6, 7, 8, 9));
  const std::vector<Tensor> parts = x.split_columns(3);
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_THAT(parts[0].to_host(), ElementsAre(0, 1, 6, 7));
  EXPECT_THAT(parts[2].to_host(), ElementsAre(4, 5, 10, 11));
}

TEST_P(TensorMemory, RangesOutsideAreInternalErrors) {
  const Tensor x = counted(backend(), 4, 6);
  EXPECT_THAT(internal_error([&] { x.row_range(3, 2); }),
              HasSubstr("row_range: 2 from 3 on, of 4"));
  EXPECT_THAT(internal_error([&] { x.row_range(-1, 2); }),
              HasSubstr("row_range: 2 from -1 on, of 4"));
  EXPECT_THAT(internal_error([&] { x.row_range(1, -1); }), HasSubstr("row_range"));
  EXPECT_THAT(internal_error([&] { x.row_range(int64_t{1} << 62, int64_t{1} << 62); }),
              HasSubstr("row_range"));
  EXPECT_THAT(internal_error([&] { x.column_range(6, 1); }),
              HasSubstr("column_range: 1 from 6 on, of 6"));
  EXPECT_THAT(internal_error([&] { x.split_rows(4); }), HasSubstr("split_rows: 6 columns by 4"));
  EXPECT_THAT(internal_error([&] { x.split_rows(0); }), HasSubstr("split_rows"));
  EXPECT_THAT(internal_error([&] { x.column_range(0, 4).split_rows(2); }), HasSubstr("split_rows"));
  EXPECT_THAT(internal_error([&] { x.split_columns(4); }),
              HasSubstr("split_columns: 6 columns into 4 parts"));
  EXPECT_THAT(internal_error([&] { x.split_columns(0); }), HasSubstr("split_columns"));
  EXPECT_THAT(internal_error([&] { x.to_host_ints(); }), HasSubstr("to_host_ints"));
  EXPECT_THAT(internal_error([] { Tensor().backend(); }), HasSubstr("never made"));
}

TEST_P(TensorMemory, SizesThatCannotBeAreInternalErrors) {
  const float one = 1;
  EXPECT_THAT(internal_error([&] {
                from_host(backend(), {&one, 1}, 1, 2);
              }),
              HasSubstr("from_host: 1 values for (1, 2)"));
  EXPECT_THAT(internal_error([&] { empty(backend(), -1, 2, DType::kFloat32); }),
              HasSubstr("empty"));
  EXPECT_THAT(internal_error([&] { empty(backend(), int64_t{1} << 40, 2, DType::kFloat32); }),
              HasSubstr("empty: a tensor of (1099511627776, 2)"));
}

TEST_P(TensorMemory, CopyingAHandleSharesTheElements) {
  Tensor x = counted(backend(), 2, 2);
  const Tensor y = x;
  scale(x, 2);
  EXPECT_THAT(y.to_host(), ElementsAre(0, 2, 4, 6));
  x = Tensor();
  EXPECT_THAT(y.to_host(), ElementsAre(0, 2, 4, 6)) << "memory lives as long as any handle";
}

TEST_P(TensorMemory, IntegersComeBackAsTheyWere) {
  const std::vector<int32_t> ids = {3, -1, 2147483647, 0};
  const Tensor x = from_host(backend(), ids);
  EXPECT_EQ(x.rows(), 4);
  EXPECT_EQ(x.cols(), 1);
  EXPECT_EQ(x.to_host_ints(), ids);
  EXPECT_THAT(x.row_range(1, 2).to_host_ints(), ElementsAre(-1, 2147483647));
  EXPECT_THAT(internal_error([&] { x.to_host(); }), HasSubstr("to_host"));
}

TEST_P(TensorMemory, ZerosAreZero) {
  for (DType dtype : kFloatTypes) {
    const Tensor used = empty(backend(), 3, 5, dtype);
    copy(on_device(backend(), Matrix(3, 5, 7.0)), used);
    EXPECT_THAT(zeros(backend(), 3, 5, dtype).to_host(), ::testing::Each(0.0f));
  }
}

TEST_P(TensorMemory, TheRotaryTableHoldsCosinesAndSines) {
  for (const int64_t width : {2, 64, 128}) {
    const Matrix expected = reference::rotary_table(1700, width, 10000);
    const Matrix plain = host(rotary_table(backend(), 1700, width, 10000, false));
    const Matrix coarse = host(rotary_table(backend(), 1700, width, 10000, true));
    EXPECT_EQ(rounded(plain, DType::kBFloat16).values, coarse.values);
    for (int64_t p = 0; p < 1700; ++p) {
      for (int64_t c = 0; c < width; ++c) {
        // The frequency has two roundings and the angle one; each moves the result by its share of
        // the angle, which is at most the position.
        const double allowed = kFloat32Rounding * (1 + 4 * static_cast<double>(p));
        ASSERT_NEAR(plain.at(p, c), expected.at(p, c), allowed) << p << ", " << c;
      }
    }
  }
}

TEST_P(TensorMemory, MarksGoForwardWithTheWork) {
  const auto first = backend().mark();
  const Tensor x = zeros(backend(), 64, 64, DType::kFloat32);
  const auto second = backend().mark();
  add(x, x);
  const auto third = backend().mark();
  EXPECT_GE(backend().seconds_between(*first, *second), 0);
  EXPECT_GE(backend().seconds_between(*second, *third), 0);
  EXPECT_GT(backend().seconds_between(*first, *third), 0);
  EXPECT_FALSE(backend().description().empty());
}

}  // namespace
}  // namespace echo
