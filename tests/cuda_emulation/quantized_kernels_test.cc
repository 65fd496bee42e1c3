// Kernels for weights of 8 bits, against plain loops.
#include "cuda/quantized_kernels.h"

#include <cuda_fp8.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "support/reference_ops.h"

namespace echo::cuda {
namespace {

// Elements in the device's memory.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(size_t count) : count_(count) {
    void* memory = nullptr;
    EXPECT_EQ(cudaMalloc(&memory, count * sizeof(T)), cudaSuccess);
    data_ = static_cast<T*>(memory);
  }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    EXPECT_EQ(cudaMemcpy(data_, values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice),
              cudaSuccess);
  }
  ~DeviceArray() { cudaFree(data_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() const { return data_; }
  std::vector<T> host() const {
    std::vector<T> values(count_);
    EXPECT_EQ(cudaMemcpy(values.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost),
              cudaSuccess);
    return values;
  }

 private:
  size_t count_;
  T* data_ = nullptr;
};

std::vector<BFloat16> halves(const Matrix& x) {
  std::vector<BFloat16> result;
  for (const double value : x.values) {
    result.push_back(float_to_bfloat16(static_cast<float>(value)));
  }
  return result;
}

// How rows lie in memory: elements before the first, and between rows.
struct Gaps {
  int64_t before, between;
};
constexpr Gaps kGaps[] = {{0, 0}, {8, 16}, {1, 0}, {0, 3}};

// A matrix on the device, surrounded by NaN.
class PlacedRows {
 public:
  PlacedRows(const Matrix& x, DType dtype, Gaps gaps)
      : floats_(surrounded(x, gaps).floats()), halves_(halves(surrounded(x, gaps))) {
    const bool wide = dtype == DType::kFloat32;
    void* data = wide ? static_cast<void*>(floats_.data() + gaps.before)
                      : static_cast<void*>(halves_.data() + gaps.before);
    view = {data, x.rows, x.cols, x.cols + gaps.between, dtype};
  }
  View view;

 private:
  static Matrix surrounded(const Matrix& x, Gaps gaps) {
    Matrix all(1, gaps.before + x.rows * (x.cols + gaps.between), NAN);
    for (int64_t r = 0; r < x.rows; ++r) {
      for (int64_t c = 0; c < x.cols; ++c) {
        all.at(0, gaps.before + r * (x.cols + gaps.between) + c) = x.at(r, c);
      }
    }
    return all;
  }
  DeviceArray<float> floats_;
  DeviceArray<BFloat16> halves_;
};

struct Quantized {
  std::vector<int8_t> codes;
  std::vector<float> scales;
  // The weights that the codes stand for.
  Matrix weights(int64_t in) const {
    Matrix result(static_cast<int64_t>(scales.size()), in);
    for (int64_t o = 0; o < result.rows; ++o) {
      for (int64_t i = 0; i < in; ++i) {
        result.at(o, i) =
            static_cast<double>(codes[static_cast<size_t>(o * quantized_stride(in) + i)]) *
            double{scales[static_cast<size_t>(o)]};
      }
    }
    return result;
  }
};

Quantized quantize(const Matrix& w, DType dtype, Gaps gaps = kGaps[0]) {
  const auto out = static_cast<size_t>(w.rows);
  const auto stride = static_cast<size_t>(quantized_stride(w.cols));
  DeviceArray<int8_t> codes(out * stride);
  DeviceArray<float> scales(out);
  const PlacedRows rows(w, dtype, gaps);
  quantize_int8(rows.view, {codes.data(), scales.data(), w.rows, w.cols}, nullptr);
  return {codes.host(), scales.host()};
}

TEST(Int8Weights, LieWithinHalfAStepOfTheirScale) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    for (const int64_t in : {1, 31, 80, 300}) {
      Matrix w = random_matrix(5, in, 3, 0.1, dtype);
      for (int64_t i = 0; i < in; ++i) w.at(2, i) = 0;  // a row that has no scale
      w.at(3, 0) = 64;                                  // an outlier
      const Quantized q = quantize(w, dtype);
      const Matrix back = q.weights(in);
      for (int64_t o = 0; o < w.rows; ++o) {
        const double step = q.scales[static_cast<size_t>(o)];
        for (int64_t i = 0; i < in; ++i) {
          EXPECT_LE(std::abs(back.at(o, i) - w.at(o, i)), step * 0.50001);
        }
        for (int64_t i = in; i < quantized_stride(in); ++i) {
          EXPECT_EQ(q.codes[static_cast<size_t>(o * quantized_stride(in) + i)], 0);
        }
      }
      EXPECT_FLOAT_EQ(q.scales[3], 64.0f / 127);
      EXPECT_EQ(q.scales[2], 0);
    }
  }
}

TEST(Int8Weights, AreTheSameWhereverTheyLie) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    for (const int64_t in : {1, 7, 16, 45, 96, 5000}) {
      const Matrix w = random_matrix(3, in, 4, 0.1, dtype);
      for (const Gaps gaps : kGaps) {
        const Quantized q = quantize(w, dtype, gaps);
        for (int64_t o = 0; o < w.rows; ++o) {
          float largest = 0;
          for (int64_t i = 0; i < in; ++i) {
            largest = std::max(largest, std::abs(static_cast<float>(w.at(o, i))));
          }
          ASSERT_EQ(q.scales[static_cast<size_t>(o)], largest / 127.0f);
          for (int64_t i = 0; i < quantized_stride(in); ++i) {
            const float value = i < in ? static_cast<float>(w.at(o, i)) : 0.0f;
            ASSERT_EQ(q.codes[static_cast<size_t>(o * quantized_stride(in) + i)],
                      static_cast<int8_t>(std::rint(value * (127.0f / largest))))
                << in << ", row " << o << ", column " << i;
          }
        }
      }
    }
  }
}

TEST(Int8Weights, ExpandedAreCodesTimesScales) {
  for (const int64_t in : {1, 32, 80, 4200}) {
    const Matrix w = random_matrix(5, in, 3, 0.1);
    const Quantized q = quantize(w, DType::kFloat32);
    const DeviceArray<int8_t> codes(q.codes);
    const DeviceArray<float> scales(q.scales);
    const int64_t stride = quantized_stride(in);
    const DeviceArray<BFloat16> expanded(static_cast<size_t>(5 * stride));
    expand_int8({codes.data(), scales.data(), 5, in},
                {expanded.data(), 5, in, stride, DType::kBFloat16}, nullptr);
    const std::vector<BFloat16> values = expanded.host();
    for (size_t i = 0; i < values.size(); ++i) {
      ASSERT_EQ(values[i], float_to_bfloat16(static_cast<float>(q.codes[i]) *
                                             q.scales[i / static_cast<size_t>(stride)]))
          << i;
    }
  }
}

struct Size {
  int64_t rows, out, in;
};

TEST(Int8Matmul, IsThatOfTheCodes) {
  for (const Size size : {Size{1, 1, 8}, Size{3, 7, 80}, Size{65, 130, 32}, Size{33, 129, 104},
                          Size{130, 24, 264}, Size{300, 200, 64}}) {
    for (const DType out_type : {DType::kFloat32, DType::kBFloat16}) {
      for (const bool accumulate : {false, true}) {
        SCOPED_TRACE(std::to_string(size.rows) + " x " + std::to_string(size.in) + " to " +
                     std::to_string(size.out) + (accumulate ? ", added" : ""));
        const Matrix w = random_matrix(size.out, size.in, 1, 0.2);
        const Matrix x = random_matrix(size.rows, size.in, 2, 1, DType::kBFloat16);
        const Matrix bias = random_matrix(1, size.out, 3);
        const Matrix before = random_matrix(size.rows, size.out, 4, 1, out_type);
        const Quantized q = quantize(w, DType::kFloat32);
        const DeviceArray<int8_t> codes(q.codes);
        const DeviceArray<float> scales(q.scales), b(bias.floats()), floats(before.floats());
        const DeviceArray<BFloat16> inputs(halves(x)), bf16(halves(before));
        const bool wide = out_type == DType::kFloat32;
        void* to = wide ? static_cast<void*>(floats.data()) : bf16.data();
        int8_matmul({inputs.data(), x.rows, x.cols, x.cols, DType::kBFloat16},
                    {codes.data(), scales.data(), size.out, size.in},
                    accumulate ? nullptr : b.data(), accumulate,
                    {to, size.rows, size.out, size.out, out_type}, nullptr);
        Matrix actual(size.rows, size.out);
        const auto narrow = bf16.host();
        const auto full = floats.host();
        for (size_t i = 0; i < actual.values.size(); ++i) {
          actual.values[i] = wide ? full[i] : bfloat16_to_float(narrow[i]);
        }
        const Matrix weights = q.weights(size.in);
        const Expected expected = accumulate
                                      ? reference::sum(reference::linear(x, weights, {}), before)
                                      : reference::linear(x, weights, bias);
        EXPECT_TRUE(is_close(actual, out_type, expected, kSumUnits));
      }
    }
  }
}

TEST(Int8Matmul, RowsWithoutThatFormArePadded) {
  for (const Gaps gaps : kGaps) {
    const Matrix x = random_matrix(4, 45, 2, 1, DType::kBFloat16);
    const PlacedRows from(x, DType::kBFloat16, gaps);
    EXPECT_FALSE(is_whole(from.view));
    const DeviceArray<BFloat16> padded(4 * 64);
    const View to{padded.data(), 4, 64, 64, DType::kBFloat16};
    EXPECT_TRUE(is_whole(to));
    pad_columns(from.view, to, nullptr);
    const std::vector<BFloat16> values = padded.host();
    for (int64_t r = 0; r < 4; ++r) {
      for (int64_t c = 0; c < 64; ++c) {
        const float value = bfloat16_to_float(values[static_cast<size_t>(r * 64 + c)]);
        EXPECT_EQ(value, c < 45 ? static_cast<float>(x.at(r, c)) : 0);
      }
    }
  }
}

struct Float8Tensor {
  std::vector<uint8_t> codes;
  float scale;
};

Float8Tensor quantize_to_float8(const Matrix& x, DType dtype, int64_t rows, int64_t stride,
                                Gaps gaps = kGaps[0]) {
  const PlacedRows from(x, dtype, gaps);
  const DeviceArray<float> pieces(kMaxMagnitudes), scale(1);
  const DeviceArray<uint8_t> codes(static_cast<size_t>(rows * stride));
  const int count = largest_magnitudes(from.view, pieces.data(), nullptr);
  EXPECT_LE(count, kMaxMagnitudes);
  quantize_float8(from.view, {pieces.data(), count}, {codes.data(), rows, stride, scale.data()},
                  nullptr);
  return {codes.host(), scale.host()[0]};
}

float float8_value(uint8_t code) {
  __nv_fp8_e4m3 value;
  value.__x = code;
  return static_cast<float>(value);
}

TEST(Float8Tensor, ScalesArePowersOfTwoThatUseTheRange) {
  for (const double largest : {448.0, 449.0, 448.0 / 256, 1.0, 3e-5, 70000.0}) {
    Matrix x = random_matrix(3, 40, 5, largest / 10);
    x.at(1, 7) = -largest;
    const float scale = quantize_to_float8(x, DType::kFloat32, 3, 48).scale;
    int exponent = 0;
    EXPECT_EQ(std::frexp(scale, &exponent), 0.5f) << largest;
    EXPECT_LE(largest / scale, 448.0001);
    EXPECT_GT(largest / scale, 223.9999);
  }
  EXPECT_EQ(quantize_to_float8(Matrix(2, 8), DType::kFloat32, 2, 16).scale, 1.0f);
}

TEST(Float8Tensor, IsTheSameWhereverItLies) {
  struct Shape {
    int64_t rows, cols, to_rows, stride;
  };
  // The last has more groups than a grid has threads.
  for (const Shape shape : {Shape{1, 1, 1, 16}, Shape{3, 37, 16, 48}, Shape{16, 48, 16, 48},
                            Shape{33, 41, 48, 64}, Shape{300, 4112, 304, 4112}}) {
    for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
      const Matrix x = random_matrix(shape.rows, shape.cols, 8, 3, dtype);
      std::vector<uint8_t> expected(static_cast<size_t>(shape.to_rows * shape.stride));
      for (int64_t r = 0; r < shape.rows; ++r) {
        for (int64_t c = 0; c < shape.cols; ++c) {
          expected[static_cast<size_t>(r * shape.stride + c)] = __nv_cvt_float_to_fp8(
              static_cast<float>(x.at(r, c)) * 128, __NV_SATFINITE, __NV_E4M3);
        }
      }
      for (const Gaps gaps : kGaps) {
        if (shape.rows == 300 && gaps.before == 8) continue;
        Matrix scaled = x;
        scaled.at(0, 0) = 3;  // so that the scale is 1 / 128
        expected[0] = __nv_cvt_float_to_fp8(384, __NV_SATFINITE, __NV_E4M3);
        const Float8Tensor q = quantize_to_float8(scaled, dtype, shape.to_rows, shape.stride, gaps);
        ASSERT_EQ(q.scale, 1.0f / 128);
        ASSERT_EQ(q.codes, expected) << shape.rows << " x " << shape.cols;
      }
    }
  }
}

TEST(Float8Tensor, ElementsKeepFourSignificantBits) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    Matrix x = random_matrix(5, 37, 6, 3, dtype);
    x.at(0, 0) = 1000;  // an outlier leaves the others their bits
    const Float8Tensor q = quantize_to_float8(x, dtype, 16, 48);
    for (int64_t r = 0; r < 16; ++r) {
      for (int64_t c = 0; c < 48; ++c) {
        const double value =
            double{float8_value(q.codes[static_cast<size_t>(r * 48 + c)])} * double{q.scale};
        const double expected = r < x.rows && c < x.cols ? x.at(r, c) : 0;
        // Half a unit of four bits, or of the smallest numbers.
        const double limit = std::max(std::abs(expected) * 0x1p-4, double{q.scale} * 0x1p-10);
        EXPECT_LE(std::abs(value - expected), limit * 1.0001) << r << " " << c;
      }
    }
  }
}

}  // namespace
}  // namespace echo::cuda
