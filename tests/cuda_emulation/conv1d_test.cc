// Each way to compute a convolution, on the emulator: the operation's own tests see only the one
// that is chosen.
#include "cuda/conv1d.h"

#include <gtest/gtest.h>

#include <vector>

#include "cuda/error.h"
#include "support/reference_ops.h"

namespace echo::cuda {
namespace {

// Rows of elements of a type, `stride` apart from `offset` on, in memory as aligned as a device's.
class Rows {
 public:
  Rows(const Matrix& values, DType dtype, int64_t padding = 0, int64_t offset = 0)
      : shape_{values.rows, values.cols}, stride_(values.cols + padding) {
    const size_t elements = static_cast<size_t>(values.rows * stride_ + offset + 1);
    const size_t bytes = elements * dtype_size(dtype);
    check(cudaMalloc(&memory_, bytes), "memory");
    view_ = {static_cast<char*>(memory_) + static_cast<size_t>(offset) * dtype_size(dtype),
             values.rows, values.cols, stride_, dtype};
    for (int64_t r = 0; r < values.rows; ++r) {
      for (int64_t c = 0; c < values.cols; ++c) set(r * stride_ + c, values.at(r, c));
    }
  }
  ~Rows() { cudaFree(memory_); }
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  const View& view() const { return view_; }
  Matrix values() const {
    Matrix result(shape_.rows, shape_.cols);
    for (int64_t r = 0; r < shape_.rows; ++r) {
      for (int64_t c = 0; c < shape_.cols; ++c) result.at(r, c) = get(r * stride_ + c);
    }
    return result;
  }

 private:
  void set(int64_t i, double value) {
    if (view_.dtype == DType::kBFloat16) {
      static_cast<BFloat16*>(view_.data)[i] = float_to_bfloat16(static_cast<float>(value));
    } else {
      static_cast<float*>(view_.data)[i] = static_cast<float>(value);
    }
  }
  double get(int64_t i) const {
    return view_.dtype == DType::kBFloat16
               ? bfloat16_to_float(static_cast<const BFloat16*>(view_.data)[i])
               : static_cast<const float*>(view_.data)[i];
  }

  struct {
    int64_t rows, cols;
  } shape_;
  int64_t stride_;
  void* memory_ = nullptr;
  View view_;
};

enum class Way { kPlain, kFew, kTensor, kChosen };
struct ConvCase {
  Way way;
  DType dtype;
  int64_t in, out;
  int taps, stride, dilation;
  int64_t rows;
  int64_t padding = 0, offset = 0;  // of x
};

void run(const ConvCase& test, DType out_type, bool accumulate) {
  const Matrix w = random_matrix(test.out, test.in * test.taps, 2, 0.1, test.dtype);
  Matrix by_tap(test.out, w.cols);
  for (int64_t o = 0; o < test.out; ++o) {
    for (int64_t i = 0; i < test.in; ++i) {
      for (int64_t j = 0; j < test.taps; ++j)
        by_tap.at(o, j * test.in + i) = w.at(o, i * test.taps + j);
    }
  }
  const int64_t rows = (test.rows - 1) * test.stride + test.dilation * (test.taps - 1) + 1;
  const Matrix x = random_matrix(rows, test.in, 1, 1, test.dtype);
  const Matrix bias = random_matrix(1, test.out, 3),
               before = random_matrix(test.rows, test.out, 4, 1, out_type);
  const Rows input(x, test.dtype, test.padding, test.offset), weights(by_tap, test.dtype);
  const Rows biases(bias, DType::kFloat32), result(before, out_type, test.out % 2);
  const Convolution convolution{weights.view(), static_cast<const float*>(biases.view().data),
                                test.taps,      test.stride,
                                test.dilation,  accumulate};
  switch (test.way) {
    case Way::kPlain:
      conv1d_plain(input.view(), convolution, result.view(), nullptr);
      break;
    case Way::kFew:
      ASSERT_TRUE(conv1d_few_fits(convolution, result.view()));
      conv1d_few(input.view(), convolution, result.view(), nullptr);
      break;
    case Way::kTensor:
      ASSERT_TRUE(conv1d_tensor_fits(input.view(), convolution));
      conv1d_tensor(input.view(), convolution, result.view(), nullptr);
      break;
    case Way::kChosen:
      conv1d(input.view(), convolution, result.view(), nullptr);
      break;
  }
  Expected expected = reference::conv1d(x, w, test.taps, test.stride, test.dilation, bias);
  if (accumulate) expected = reference::sum(expected, before);
  EXPECT_TRUE(is_close(result.values(), out_type, expected, kSumUnits))
      << test.in << " to " << test.out << ", " << test.taps << " taps, dilation " << test.dilation;
}

TEST(Conv1d, EveryWayComputesTheSame) {
  constexpr DType kHalf = DType::kBFloat16, kFull = DType::kFloat32;
  const std::vector<ConvCase> cases = {
      {Way::kPlain, kFull, 1, 1, 1, 1, 1, 1},
      {Way::kPlain, kFull, 7, 80, 7, 1, 3, 70},
      {Way::kPlain, kHalf, 5, 129, 3, 2, 2, 66, 3, 1},
      {Way::kPlain, kFull, 1, 64, 7, 1, 1, 200},
      {Way::kFew, kFull, 96, 1, 7, 1, 1, 300},
      {Way::kFew, kHalf, 96, 1, 7, 1, 1, 300},
      {Way::kFew, kHalf, 13, 3, 5, 1, 9, 130, 2, 1},
      {Way::kFew, kFull, 1, 4, 1, 1, 1, 1},
      {Way::kTensor, kHalf, 8, 5, 1, 1, 1, 3},
      {Way::kTensor, kHalf, 40, 33, 2, 1, 1, 70, 8},
      {Way::kTensor, kHalf, 96, 96, 7, 1, 9, 150},
      {Way::kTensor, kHalf, 64, 64, 3, 1, 1, 65, 24, 8},
      {Way::kTensor, kHalf, 24, 192, 7, 1, 3, 1030},
      {Way::kTensor, kHalf, 72, 64, 4, 1, 20, 1025},
      {Way::kTensor, kHalf, 32, 96, 65, 1, 1, 20},
      {Way::kTensor, kHalf, 160, 65, 1, 1, 1, 1300},
      // Strides that are folded, and those that cannot be.
      {Way::kChosen, kHalf, 64, 128, 4, 2, 1, 33},
      {Way::kChosen, kHalf, 16, 40, 16, 8, 1, 9},
      {Way::kChosen, kFull, 16, 40, 6, 3, 1, 9},
      {Way::kChosen, kHalf, 16, 40, 4, 2, 1, 9, 8},
      {Way::kChosen, kHalf, 16, 40, 5, 2, 1, 9},
      {Way::kChosen, kHalf, 16, 40, 4, 2, 3, 9},
      {Way::kChosen, kHalf, 8, 24, 3, 1, 40, 9},
  };
  for (const ConvCase& test : cases) {
    for (const DType out : {kFull, kHalf}) {
      for (const bool accumulate : {false, true}) run(test, out, accumulate);
    }
  }
}

}  // namespace
}  // namespace echo::cuda
