#include "cpu/int8_matmul.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "cpu/view.h"

namespace echo::cpu {
namespace {

int64_t outputs_of(std::span<const HostWeights> parts) {
  int64_t total = 0;
  for (const HostWeights& part : parts) total += part.out;
  return total;
}

class Int8Weights : public PackedWeights {
 public:
  Int8Weights(std::span<const HostWeights> parts, WeightArena& arena)
      : PackedWeights({nullptr, DType::kBFloat16, outputs_of(parts), parts[0].in}, 1, 1,
                      DType::kBFloat16),
        inputs_(padded(in(), kInt8Inputs)) {
    const int64_t outputs = padded(out(), kInt8Outputs);
    const auto codes = static_cast<size_t>(outputs * inputs_);
    const auto values = static_cast<size_t>(outputs);
    memory_ = arena.allocate(codes + values * (sizeof *scales_ + sizeof *sums_));
    codes_ = static_cast<int8_t*>(memory_.get());
    scales_ = reinterpret_cast<float*>(codes_ + codes);
    sums_ = reinterpret_cast<int32_t*>(scales_ + values);
    int64_t begin = 0;
    for (const HostWeights& part : parts) {
      fill(part, begin);
      begin += part.out;
    }
  }

  int64_t inputs() const { return inputs_; }
  const int8_t* codes() const { return codes_; }
  const float* scales() const { return scales_; }
  const int32_t* sums() const { return sums_; }

 private:
  void fill(const HostWeights& part, int64_t begin) {
#pragma omp parallel for schedule(static)
    for (int64_t o = 0; o < part.out; ++o) {
      std::vector<float> row(static_cast<size_t>(in()));
      if (part.dtype == DType::kFloat32) {
        std::memcpy(row.data(), static_cast<const float*>(part.data) + o * in(),
                    row.size() * sizeof(float));
      } else {
        const auto* from = static_cast<const BFloat16*>(part.data) + o * in();
        std::transform(from, from + in(), row.begin(), bfloat16_to_float);
      }
      quantize(row, begin + o);
    }
  }

  void quantize(const std::vector<float>& row, int64_t output) {
    float largest = 0;
    for (const float value : row) largest = std::max(largest, std::abs(value));
    const float scale = largest > 0 ? largest / 127.0f : 1.0f;
    const float inverse = 1.0f / scale;
    int32_t sum = 0;
    for (int64_t i = 0; i < in(); ++i) {
      const auto code = static_cast<int8_t>(
          std::lrint(std::clamp(row[static_cast<size_t>(i)] * inverse, -127.0f, 127.0f)));
      codes_[int8_place(output, i, inputs_)] = code;
      sum += code;
    }
    scales_[output] = scale;
    sums_[output] = sum;
  }

  int64_t inputs_;
  std::shared_ptr<void> memory_;
  int8_t* codes_ = nullptr;
  float* scales_ = nullptr;
  int32_t* sums_ = nullptr;
};

// So many rows of activations stay in a core's second cache while weights pass by.
constexpr int64_t kCachedBytes = 512 << 10;

}  // namespace

std::shared_ptr<PackedWeights> pack_int8(std::span<const HostWeights> parts, WeightArena& arena) {
  for (const HostWeights& part : parts) {
    if (part.taps != 1 || part.in != parts[0].in || !part.layout.empty()) {
      throw_internal("pack: matrices of one input, row by row, expected for int8");
    }
  }
  return std::make_shared<Int8Weights>(parts, arena);
}

bool is_int8(const PackedWeights& weights) {
  return dynamic_cast<const Int8Weights*>(&weights) != nullptr;
}

void linear_int8(const Int8Kernels& kernels, const Tensor& x, const PackedWeights& weights,
                 const Tensor& bias, bool accumulate, const Tensor& out, int threads,
                 MemoryPool& pool) {
  const auto& w = static_cast<const Int8Weights&>(weights);
  const View from = view(x), to = view(out);
  const int64_t rows = padded(from.rows, kInt8Rows), inputs = w.inputs();
  const auto code_bytes = static_cast<size_t>(rows * inputs);
  const std::shared_ptr<Buffer> memory =
      pool.allocate(code_bytes + static_cast<size_t>(rows) * sizeof(float));
  auto* const codes = static_cast<int8_t*>(memory->data());
  const Int8Rows all{codes, reinterpret_cast<float*>(codes + code_bytes), inputs};
  const auto rows_from = [&](int64_t row) {
    return Int8Rows{all.codes + row * inputs, all.scales + row, inputs};
  };
  const int64_t row_tiles = rows / kInt8Rows;
  const int64_t col_tiles = padded(w.out(), kInt8Outputs) / kInt8Outputs;
  const int64_t cached_rows = std::max<int64_t>(1, kCachedBytes / inputs / kInt8Rows) * kInt8Rows;
  const float* bias_data = bias.empty() ? nullptr : bias.data_as<float>();
  const int parts = static_cast<int>(std::min<int64_t>(threads, std::max(row_tiles, col_tiles)));
#pragma omp parallel num_threads(parts) if (parts > 1)
  {
#pragma omp for schedule(static)
    for (int64_t tile = 0; tile < row_tiles; ++tile) {
      const int64_t row = tile * kInt8Rows;
      const int64_t count = std::min(kInt8Rows, from.rows - row);
      kernels.quantize(part_of(from, row, count, 0, from.cols), rows_from(row));
    }
#pragma omp for schedule(static)
    for (int part = 0; part < parts; ++part) {
      const int64_t begin = col_tiles * part / parts * kInt8Outputs;
      const int64_t end = std::min(w.out(), col_tiles * (part + 1) / parts * kInt8Outputs);
      if (begin >= end) continue;
      const Int8Outputs mine{w.codes() + begin * inputs, w.scales() + begin, w.sums() + begin,
                             bias_data ? bias_data + begin : nullptr, accumulate};
      for (int64_t row = 0; row < from.rows; row += cached_rows) {
        const int64_t count = std::min(cached_rows, from.rows - row);
        kernels.multiply(rows_from(row), mine, part_of(to, row, count, begin, end - begin));
      }
    }
  }
}

}  // namespace echo::cpu
