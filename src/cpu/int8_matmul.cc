#include "cpu/int8_matmul.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "cpu/view.h"
#include "tensor/blocked_layout.h"

namespace echo::cpu {
namespace {

int64_t outputs_of(std::span<const HostWeights> parts) {
  int64_t total = 0;
  for (const HostWeights& part : parts) total += part.out;
  return total;
}

// A matrix of its own: codes, then a scale and a sum for each output. Outputs are padded.
struct Int8Part {
  Int8Part(const HostWeights& weights, WeightArena& arena)
      : out(weights.out), in(weights.in), inputs(padded(in, kInt8Inputs)) {
    if (!weights.layout.empty()) {
      if (weights.layout != int8_layout(out, in)) {
        throw_internal("pack: the weights have the layout \"" + std::string(weights.layout) +
                       "\", expected \"" + int8_layout(out, in) + "\"");
      }
      owner = weights.owner;
      place(weights.data);
      return;
    }
    const std::shared_ptr<void> memory = arena.allocate(size());
    fill(weights, static_cast<std::byte*>(memory.get()));
    owner = memory;
    place(memory.get());
  }

  int64_t tiles() const { return padded(out, kInt8Outputs) / kInt8Outputs; }
  size_t code_bytes() const { return static_cast<size_t>(padded(out, kInt8Outputs) * inputs); }
  size_t scale_bytes() const {
    return static_cast<size_t>(padded(out, kInt8Outputs)) * sizeof(float);
  }
  size_t size() const { return code_bytes() + 2 * scale_bytes(); }

  int64_t out, in, inputs;
  std::shared_ptr<const void> owner;
  const int8_t* codes = nullptr;
  const float* scales = nullptr;
  const int32_t* sums = nullptr;

 private:
  void place(const void* memory) {
    codes = static_cast<const int8_t*>(memory);
    scales = reinterpret_cast<const float*>(codes + code_bytes());
    sums = reinterpret_cast<const int32_t*>(scales + padded(out, kInt8Outputs));
  }

  void fill(const HostWeights& weights, std::byte* memory) const {
#pragma omp parallel for schedule(static)
    for (int64_t o = 0; o < out; ++o) {
      std::vector<float> row(static_cast<size_t>(in));
      if (weights.dtype == DType::kFloat32) {
        std::memcpy(row.data(), static_cast<const float*>(weights.data) + o * in,
                    row.size() * sizeof(float));
      } else {
        const auto* from = static_cast<const BFloat16*>(weights.data) + o * in;
        std::transform(from, from + in, row.begin(), bfloat16_to_float);
      }
      quantize(row, o, memory);
    }
  }

  void quantize(const std::vector<float>& row, int64_t output, std::byte* memory) const {
    float largest = 0;
    for (const float value : row) largest = std::max(largest, std::abs(value));
    const float scale = largest > 0 ? largest / 127.0f : 1.0f;
    const float inverse = 1.0f / scale;
    auto* const to = reinterpret_cast<int8_t*>(memory);
    int32_t sum = 0;
    for (int64_t i = 0; i < in; ++i) {
      const auto code = static_cast<int8_t>(
          std::lrint(std::clamp(row[static_cast<size_t>(i)] * inverse, -127.0f, 127.0f)));
      to[int8_place(output, i, inputs)] = code;
      sum += code;
    }
    std::byte* const values = memory + code_bytes() + static_cast<size_t>(output) * sizeof scale;
    std::memcpy(values, &scale, sizeof scale);
    std::memcpy(values + scale_bytes(), &sum, sizeof sum);
  }
};

class Int8Weights : public PackedWeights {
 public:
  Int8Weights(std::span<const HostWeights> parts, WeightArena& arena)
      : PackedWeights({nullptr, DType::kBFloat16, outputs_of(parts), parts[0].in}, 1, 1,
                      DType::kBFloat16) {
    for (const HostWeights& part : parts) parts_.emplace_back(part, arena);
  }

  int64_t inputs() const { return parts_[0].inputs; }
  const std::vector<Int8Part>& parts() const { return parts_; }
  int64_t tiles() const {
    int64_t total = 0;
    for (const Int8Part& part : parts_) total += part.tiles();
    return total;
  }

 private:
  std::vector<Int8Part> parts_;
};

// So many rows of activations stay in a core's second cache while weights pass by.
constexpr int64_t kCachedBytes = 512 << 10;

// Multiplies tiles [begin, end) of the matrix's outputs.
void multiply_tiles(const Int8Kernels& kernels, const Int8Rows& x, const Int8Weights& w,
                    const float* bias, bool accumulate, const View& out, int64_t begin,
                    int64_t end) {
  const int64_t cached_rows = std::max<int64_t>(1, kCachedBytes / x.inputs / kInt8Rows) * kInt8Rows;
  int64_t first_output = 0;
  for (const Int8Part& part : w.parts()) {
    const int64_t from = std::max<int64_t>(0, begin) * kInt8Outputs;
    const int64_t to = std::min(part.out, end * kInt8Outputs);
    if (from < to) {
      const Int8Outputs mine{part.codes + from * x.inputs, part.scales + from, part.sums + from,
                             bias ? bias + first_output + from : nullptr, accumulate};
      for (int64_t row = 0; row < out.rows; row += cached_rows) {
        const int64_t count = std::min(cached_rows, out.rows - row);
        kernels.multiply({x.codes + row * x.inputs, x.scales + row, x.inputs}, mine,
                         part_of(out, row, count, first_output + from, to - from));
      }
    }
    begin -= part.tiles();
    end -= part.tiles();
    first_output += part.out;
  }
}

}  // namespace

std::string int8_layout(int64_t out, int64_t in) {
  if (out % kInt8Outputs != 0) return {};
  using Axis = BlockedLayout::Axis;
  BlockedLayout layout{DType::kInt8, out, in, 16 * padded(in, kInt8Inputs), 16 * kInt8Inputs, {}};
  layout.blocks = {{Axis::kIn, kInt8Inputs / 4}, {Axis::kOut, 16}, {Axis::kIn, 4}};
  return layout.text();
}

std::span<const std::byte> int8_bytes(const PackedWeights& weights) {
  const Int8Part& part = static_cast<const Int8Weights&>(weights).parts()[0];
  return {reinterpret_cast<const std::byte*>(part.codes), part.size()};
}

std::shared_ptr<PackedWeights> pack_int8(std::span<const HostWeights> parts, WeightArena& arena) {
  for (const HostWeights& part : parts) {
    if (part.taps != 1 || part.in != parts[0].in) {
      throw_internal("pack: matrices of one input expected for int8");
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
  const int64_t col_tiles = w.tiles();
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
      multiply_tiles(kernels, all, w, bias_data, accumulate, to, col_tiles * part / parts,
                     col_tiles * (part + 1) / parts);
    }
  }
}

}  // namespace echo::cpu
