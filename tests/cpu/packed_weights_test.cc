// What oneDNN makes of the models' matrices and convolutions on this machine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cpu/cpu_backend.h"
#include "cpu/kernels.h"
#include "cpu/onednn.h"
#include "support/matrix.h"

namespace echo::cpu {
namespace {

using ::testing::Not;
using ::testing::StartsWith;

struct WeightShape {
  int64_t out, in, taps, stride, dilation;
};

std::string name_of(const WeightShape& shape, DType dtype, int64_t rows) {
  return std::to_string(shape.in) + " to " + std::to_string(shape.out) + ", " +
         std::to_string(shape.taps) + " taps, stride " + std::to_string(shape.stride) +
         ", dilation " + std::to_string(shape.dilation) + ", " + std::string(dtype_name(dtype)) +
         ", " + std::to_string(rows) + " rows";
}

class PackedWeightsTest : public testing::Test {
 protected:
  PackedWeightsTest() : backend_(make_cpu_backend()) {}
  std::vector<DType> types() const {
    std::vector<DType> result = {DType::kFloat32};
    if (has_fast_bfloat16()) result.push_back(DType::kBFloat16);
    return result;
  }
  std::shared_ptr<PackedWeights> pack(const WeightShape& shape, DType dtype) {
    // A sequence that does not repeat within a row.
    std::vector<float> w(static_cast<size_t>(shape.out * shape.in * shape.taps));
    uint32_t state = 1;
    for (float& value : w) {
      state = state * 1664525u + 1013904223u;
      value = static_cast<float>(static_cast<int32_t>(state)) * 0x1p-34f;
    }
    const HostWeights host{w.data(), DType::kFloat32, shape.out, shape.in, shape.taps};
    // oneDNN's, where the backend has code of its own too.
    return shape.taps == 1 && shape.stride == 1
               ? pack_matrix(host, dtype, arena_)
               : pack_convolution(host, shape.stride, shape.dilation, dtype, arena_);
  }
  static int64_t input_rows(const WeightShape& shape, int64_t rows) {
    return (rows - 1) * shape.stride + shape.dilation * (shape.taps - 1) + 1;
  }
  std::unique_ptr<Backend> backend_;
  WeightArena arena_;
};

const std::vector<WeightShape> kMatrices = {
    {2048, 2048, 1, 1, 1}, {2048, 5888, 1, 1, 1}, {256, 2048, 1, 1, 1}, {2048, 256, 1, 1, 1},
    {2048, 80, 1, 1, 1},   {80, 2048, 1, 1, 1},   {1280, 320, 1, 1, 1}, {3328, 1280, 1, 1, 1},
    {1024, 8, 1, 1, 1},    {8, 1024, 1, 1, 1},    {1024, 80, 1, 1, 1},
};
const std::vector<WeightShape> kConvolutions = {
    {64, 1, 7, 1, 1},      {64, 64, 7, 1, 9},     {128, 64, 4, 2, 1},    {256, 128, 8, 4, 1},
    {512, 256, 16, 8, 1},  {1024, 512, 16, 8, 1}, {1024, 1024, 3, 1, 1}, {1024, 1024, 2, 2, 1},
    {1536, 1024, 7, 1, 1}, {768, 768, 7, 1, 3},   {768, 1536, 2, 1, 1},  {384, 384, 7, 1, 9},
    {192, 192, 7, 1, 1},   {96, 96, 7, 1, 9},     {1, 96, 7, 1, 1},
};

TEST_F(PackedWeightsTest, NoCallRunsReferenceCode) {
  const std::vector<int64_t> row_counts = {1, 2, 3, 5, 8, 16, 17, 33, 54, 122, 640, 1920};
  std::vector<WeightShape> shapes = kMatrices;
  shapes.insert(shapes.end(), kConvolutions.begin(), kConvolutions.end());
  for (const WeightShape& shape : shapes) {
    for (const DType dtype : types()) {
      const auto w = pack(shape, dtype);
      const Tensor bias = zeros(*backend_, 1, shape.out, DType::kFloat32);
      size_t copies = 0;
      for (const int64_t rows : row_counts) {
        const Tensor x = empty(*backend_, input_rows(shape, rows), shape.in, dtype);
        const Tensor y = empty(*backend_, rows, shape.out, dtype);
        for (const bool accumulate : {false, true}) {
          const PackedUse use = packed_use(x, *w, bias, accumulate, y);
          EXPECT_THAT(use.implementation, Not(StartsWith("ref"))) << name_of(shape, dtype, rows);
          copies = use.copies;
        }
      }
      // Large weights must not be in memory twice. Of small convolutions oneDNN 3.4 has a layout
      // more.
      const bool small = shape.out * shape.in * shape.taps < (1 << 19);
      const size_t most = shape.taps == 1 ? 1 : small ? 4 : 3;
      EXPECT_LE(copies, most) << name_of(shape, dtype, 0);
    }
  }
}

// oneDNN's code for AVX-512 adds in the same order for every number of rows. Its code for older
// instruction sets takes another order for few rows; there only calls of equal shape agree, which
// the suite Determinism covers. So does its code for AMX, which cuts inputs by the number of rows.
testing::Matcher<std::string> same_order_for_all_rows() {
  return testing::AllOf(testing::AnyOf(StartsWith("brg:"), StartsWith("brgconv:")),
                        Not(testing::HasSubstr("amx")));
}

TEST_F(PackedWeightsTest, ARowOfALinearDoesNotDependOnTheOtherRows) {
  for (const int threads : {1, 2, 5}) {
    backend_ = make_cpu_backend({threads});
    for (const WeightShape& shape : kMatrices) {
      if (threads != 2 && shape.in * shape.out > 600000) continue;  // time
      for (const DType dtype : types()) {
        const auto w = pack(shape, dtype);
        const int64_t most = 200;
        const Tensor x = *Placed(*backend_, random_matrix(most, shape.in, 1, 1, dtype), dtype);
        const Tensor all = linear(x, *w, {}, DType::kFloat32);
        const std::string code = packed_use(x, *w, {}, false, all).implementation;
        if (!testing::Value(code, same_order_for_all_rows()))
          GTEST_SKIP() << "oneDNN runs " << code;
        for (const int64_t rows : {1, 2, 3, 5, 8, 16, 31, 54, 122, 199}) {
          for (const int64_t begin : {int64_t{0}, most - rows}) {
            EXPECT_TRUE(same_bits(all.row_range(begin, rows),
                                  linear(x.row_range(begin, rows), *w, {}, DType::kFloat32)))
                << name_of(shape, dtype, rows) << ", " << threads << " threads";
          }
        }
      }
    }
  }
}

// Convolutions block their channels by the number of rows, so short pieces of many channels
// may add in another order than long ones; with few channels there is one block.
TEST_F(PackedWeightsTest, ARowOfAConvolutionDoesNotDependOnTheOtherRowsOfLongPieces) {
  for (const WeightShape& shape : kConvolutions) {
    for (const DType dtype : types()) {
      const auto w = pack(shape, dtype);
      const int64_t most = 300;
      const Tensor x =
          *Placed(*backend_, random_matrix(input_rows(shape, most), shape.in, 1, 1, dtype), dtype);
      const Tensor all = conv1d(x, *w, {}, DType::kFloat32);
      const std::string code = packed_use(x, *w, {}, false, all).implementation;
      if (!testing::Value(code, same_order_for_all_rows())) GTEST_SKIP() << "oneDNN runs " << code;
      for (const int64_t rows : {128, 160, 299}) {
        for (const int64_t begin : {int64_t{0}, most - rows}) {
          const Tensor part = x.row_range(begin * shape.stride, input_rows(shape, rows));
          EXPECT_TRUE(same_bits(all.row_range(begin, rows), conv1d(part, *w, {}, DType::kFloat32)))
              << name_of(shape, dtype, rows);
        }
      }
    }
  }
}

}  // namespace
}  // namespace echo::cpu
