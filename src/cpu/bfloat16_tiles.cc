#include "cpu/bfloat16_tiles.h"

#include <algorithm>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "base/error.h"
#include "cpu/int8_kernels.h"
#include "cpu/view.h"
#include "tensor/blocked_layout.h"

namespace echo::cpu {
namespace {

// A tap's two neighbouring inputs of an output, the second zero beyond the end.
uint32_t pair_of(const HostWeights& weights, int64_t place, bool both) {
  const auto at = [&](int64_t i) -> uint32_t {
    return weights.dtype == DType::kBFloat16
               ? static_cast<const BFloat16*>(weights.data)[i]
               : float_to_bfloat16(static_cast<const float*>(weights.data)[i]);
  };
  return at(place) | (both ? at(place + weights.taps) << 16 : 0);
}

class TileWeights : public PackedWeights {
 public:
  TileWeights(const HostWeights& weights, int64_t stride, int64_t dilation, WeightArena& arena)
      : PackedWeights(weights, stride, dilation, DType::kBFloat16),
        inputs_(padded(in(), kTileInputs)) {
    if (!weights.layout.empty()) {
      if (weights.layout != tile_layout(out(), in())) {
        throw_internal("pack: the weights have the layout \"" + std::string(weights.layout) +
                       "\", expected \"" + tile_layout(out(), in()) + "\"");
      }
      owner_ = weights.owner;
      values_ = static_cast<const uint16_t*>(weights.data);
      return;
    }
    const std::shared_ptr<void> memory = arena.allocate(size());
    auto* const to = static_cast<uint16_t*>(memory.get());
    const int64_t panels = padded(out(), kTileOutputs) / kTileOutputs;
#pragma omp parallel for schedule(static)
    for (int64_t panel = 0; panel < panels; ++panel) {
      fill(weights, panel * kTileOutputs, to + panel * kTileOutputs * inputs_ * taps());
    }
    owner_ = memory;
    values_ = to;
  }

  int64_t inputs() const { return inputs_; }
  const uint16_t* values() const { return values_; }
  size_t size() const {
    return static_cast<size_t>(padded(out(), kTileOutputs) * inputs_ * taps()) * sizeof(uint16_t);
  }

 private:
  // A panel, tile by tile. The arena's memory is zero, so padding needs nothing.
  void fill(const HostWeights& weights, int64_t first, uint16_t* to) const {
    const int64_t count = std::min(kTileOutputs, out() - first);
    for (int64_t begin = 0; begin < in(); begin += kTileInputs) {
      const int64_t end = std::min(in(), begin + kTileInputs);
      for (int64_t tap = 0; tap < taps(); ++tap, to += kTileValues) {
        for (int64_t o = 0; o < count; ++o) {
          const int64_t row = (first + o) * in();
          for (int64_t i = begin; i < end; i += 2) {
            const uint32_t pair = pair_of(weights, (row + i) * taps() + tap, i + 1 < end);
            std::memcpy(to + (i - begin) * kTileOutputs + o * 2, &pair, sizeof pair);
          }
        }
      }
    }
  }

  int64_t inputs_;
  std::shared_ptr<const void> owner_;
  const uint16_t* values_ = nullptr;
};

// So many rows of activations stay in a core's second cache while weights pass by.
constexpr int64_t kCachedValues = 512 << 10;

}  // namespace

bool has_bfloat16_tiles() {
#if defined(__x86_64__)
  static const bool found = [] {
    unsigned a = 0, b = 0, c = 0, d = 0;
    constexpr unsigned kBFloat16 = 1u << 22;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & kBFloat16) == 0) return false;
    // Asks the system for the tiles' state as well; every processor with one has the other.
    const std::vector<const Int8Kernels*> kernels = supported_int8_kernels();
    return !kernels.empty() && kernels.front() == &amx_kernels() &&
           __builtin_cpu_supports("avx512bf16");
  }();
  return found;
#else
  return false;
#endif
}

std::string tile_layout(int64_t out, int64_t in) {
  using Axis = BlockedLayout::Axis;
  BlockedLayout layout{DType::kBFloat16,           out, in, kTileOutputs * padded(in, kTileInputs),
                       kTileOutputs * kTileInputs, {}};
  layout.blocks = {{Axis::kIn, kTileInputs / 2}, {Axis::kOut, kTileOutputs}, {Axis::kIn, 2}};
  return layout.text();
}

std::shared_ptr<PackedWeights> pack_tiles(const HostWeights& weights, int64_t stride,
                                          int64_t dilation, WeightArena& arena) {
  return std::make_shared<TileWeights>(weights, stride, dilation, arena);
}

bool is_tiles(const PackedWeights& weights) {
  return dynamic_cast<const TileWeights*>(&weights) != nullptr;
}

std::span<const std::byte> tile_bytes(const PackedWeights& weights) {
  const auto& w = static_cast<const TileWeights&>(weights);
  return {reinterpret_cast<const std::byte*>(w.values()), w.size()};
}

void linear_tiles(const Tensor& x, const PackedWeights& weights, const Tensor& bias,
                  bool accumulate, const Tensor& out, int threads, MemoryPool& pool) {
  const auto& w = static_cast<const TileWeights&>(weights);
  const View from = view(x), to = view(out);
  const int64_t rows = padded(from.rows, kTileRows), inputs = w.inputs();
  const std::shared_ptr<Buffer> memory =
      pool.allocate(static_cast<size_t>(rows * inputs) * sizeof(uint16_t));
  const TileRows all{static_cast<uint16_t*>(memory->data()), rows, inputs};
  const auto rows_from = [&](int64_t row, int64_t count) {
    return TileRows{all.values + row * inputs, count, inputs};
  };
  const int64_t row_tiles = rows / kTileRows;
  // Pairs of panels, as the tiles are used.
  const int64_t col_tiles = padded(w.out(), 2 * kTileOutputs) / (2 * kTileOutputs);
  const int64_t cached_rows =
      std::max<int64_t>(1, kCachedValues / inputs / (2 * kTileRows)) * 2 * kTileRows;
  const float* bias_data = bias.empty() ? nullptr : bias.data_as<float>();
  const int parts = static_cast<int>(std::min<int64_t>(threads, std::max(row_tiles, col_tiles)));
#pragma omp parallel num_threads(parts) if (parts > 1)
  {
#pragma omp for schedule(static)
    for (int64_t tile = 0; tile < row_tiles; ++tile) {
      const int64_t row = tile * kTileRows;
      const int64_t count = std::min(kTileRows, from.rows - row);
      pack_tile_rows(part_of(from, row, count, 0, from.cols), rows_from(row, kTileRows));
    }
#pragma omp for schedule(static)
    for (int part = 0; part < parts; ++part) {
      const int64_t begin = col_tiles * part / parts * 2 * kTileOutputs;
      const int64_t end = std::min(w.out(), col_tiles * (part + 1) / parts * 2 * kTileOutputs);
      if (begin >= end) continue;
      const TileOutputs mine{w.values() + begin * inputs, bias_data ? bias_data + begin : nullptr,
                             accumulate};
      for (int64_t row = 0; row < from.rows; row += cached_rows) {
        const int64_t count = std::min(cached_rows, from.rows - row);
        multiply_tiles(rows_from(row, count), mine, part_of(to, row, count, begin, end - begin));
      }
    }
  }
}

// Threads share the rows, or where there are fewer of them than outputs, those. Each packs what it
// reads into memory of its own, a block of rows at a time that stays in its second cache.
void conv1d_tiles(const Tensor& x, const PackedWeights& weights, const Tensor& bias,
                  bool accumulate, const Tensor& out, int threads, MemoryPool& pool) {
  const auto& w = static_cast<const TileWeights&>(weights);
  const View from = view(x), to = view(out);
  const TileTaps taps{w.taps(), w.stride(), w.dilation()};
  constexpr int64_t kRows = 2 * kTileRows, kOutputs = 2 * kTileOutputs;  // as the tiles are used
  const bool share_rows = to.rows >= w.out();
  const int64_t unit = share_rows ? kRows : kOutputs, length = share_rows ? to.rows : w.out();
  const int64_t units = padded(length, unit) / unit;
  const int parts = static_cast<int>(std::min<int64_t>(threads, units));
  const int64_t most_rows = share_rows ? padded(units, parts) / parts * kRows : to.rows;
  const int64_t cached_rows =
      std::max<int64_t>(1, kCachedValues / 2 / w.inputs() / w.stride() / kRows) * kRows;
  const int64_t block = std::min(cached_rows, most_rows);
  const int64_t packed_rows = taps.input_rows(padded(block, kTileRows));
  const int64_t packed_values = packed_rows * w.inputs();
  const std::shared_ptr<Buffer> memory =
      pool.allocate(static_cast<size_t>(parts * packed_values) * sizeof(uint16_t));
  const float* bias_data = bias.empty() ? nullptr : bias.data_as<float>();
#pragma omp parallel for schedule(static) num_threads(parts) if (parts > 1)
  for (int part = 0; part < parts; ++part) {
    const int64_t begin = units * part / parts * unit;
    const int64_t end = std::min(length, units * (part + 1) / parts * unit);
    const int64_t first_row = share_rows ? begin : 0, last_row = share_rows ? end : to.rows;
    const int64_t output = share_rows ? 0 : begin, outputs = share_rows ? w.out() : end - begin;
    const TileOutputs mine{w.values() + output * w.inputs() * w.taps(),
                           bias_data ? bias_data + output : nullptr, accumulate};
    const TileColumns packed{static_cast<uint16_t*>(memory->data()) + part * packed_values,
                             packed_rows, w.inputs()};
    for (int64_t row = first_row; row < last_row; row += block) {
      const int64_t count = std::min(block, last_row - row);
      const int64_t seen = row * w.stride();
      pack_tile_columns(part_of(from, seen, taps.input_rows(count), 0, from.cols), packed);
      convolve_tiles(packed, mine, taps, part_of(to, row, count, output, outputs));
    }
  }
}

}  // namespace echo::cpu
