// The sums of products of cpu/bfloat16_tiles.h.
#include <immintrin.h>

#include "cpu/bfloat16_tiles.h"
#include "cpu/simd_inl.h"
#include "cpu/tile_scope_inl.h"

namespace echo::cpu {
namespace {

static_assert(kLanes == 16, "these kernels are built for AVX-512");

template <class Range, class T>
inline void finish(Range range, Vec value, const float* bias, bool accumulate, T* out) {
  if (bias) value += range.load(bias);
  if (accumulate) value += range.load(out);
  range.store(out, value);
}

// One tile of sums: `rows` rows and `count` outputs from `output` on.
template <class T>
void finish_tile(const float* sums, const TileOutputs& w, int64_t output, int64_t count, T* out,
                 int64_t stride, int64_t rows) {
  const float* bias = w.bias ? w.bias + output : nullptr;
  for (int64_t r = 0; r < rows; ++r) {
    const Vec value = Full::load(sums + r * kTileOutputs);
    T* const at = out + r * stride + output;
    if (count >= kLanes) {
      finish(Full{}, value, bias, w.accumulate, at);
    } else {
      finish(Part{static_cast<size_t>(count)}, value, bias, w.accumulate, at);
    }
  }
}

void finish_tile(const float* sums, const TileOutputs& w, int64_t output, const View& out,
                 int64_t row) {
  const int64_t rows = out.rows - row < kTileRows ? out.rows - row : kTileRows;
  const int64_t count = out.cols - output;
  if (rows <= 0 || count <= 0) return;
  if (out.dtype == DType::kFloat32) {
    finish_tile(sums, w, output, count, static_cast<float*>(out.data) + row * out.stride,
                out.stride, rows);
  } else {
    finish_tile(sums, w, output, count, static_cast<uint16_t*>(out.data) + row * out.stride,
                out.stride, rows);
  }
}

// 32 inputs of a row from `i` on, zeros where there are none.
inline __m512i row_values(const View& x, int64_t row, int64_t i) {
  if (row >= x.rows || i >= x.cols) return _mm512_setzero_si512();
  const int64_t left = x.cols - i;
  const auto mask = left >= kTileInputs ? ~__mmask32{0} : static_cast<__mmask32>((1u << left) - 1u);
  const auto* const from = static_cast<const uint16_t*>(x.data);
  return _mm512_maskz_loadu_epi16(mask, from + row * x.stride + i);
}

// Stores the sums of tiles 0 to 3: those of two panels of rows with two of outputs.
inline void finish_tiles(const TileOutputs& w, const View& out, int64_t row, int64_t output) {
  alignas(64) float sums[4][kTileRows * kTileOutputs];
  _tile_stored(0, sums[0], 64);
  _tile_stored(1, sums[1], 64);
  _tile_stored(2, sums[2], 64);
  _tile_stored(3, sums[3], 64);
  finish_tile(sums[0], w, output, out, row);
  finish_tile(sums[1], w, output + kTileOutputs, out, row);
  finish_tile(sums[2], w, output, out, row + kTileRows);
  finish_tile(sums[3], w, output + kTileOutputs, out, row + kTileRows);
}

inline void clear_tiles() {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
}

// Adds the products of two tiles of rows with two of outputs.
inline void add_products(const uint16_t* x0, const uint16_t* x1, int64_t x_stride,
                         const uint16_t* w0, const uint16_t* w1) {
  _tile_loadd(4, x0, x_stride);
  _tile_loadd(6, w0, 64);
  _tile_loadd(7, w1, 64);
  _tile_dpbf16ps(0, 4, 6);
  _tile_dpbf16ps(1, 4, 7);
  _tile_loadd(5, x1, x_stride);
  _tile_dpbf16ps(2, 5, 6);
  _tile_dpbf16ps(3, 5, 7);
}

}  // namespace

void pack_tile_rows(const View& x, const TileRows& to) {
  for (int64_t i = 0; i < to.inputs; i += kTileInputs) {
    uint16_t* const tile = to.values + i * kTileRows;
    for (int64_t r = 0; r < kTileRows; ++r) {
      _mm512_store_si512(tile + r * kTileInputs, row_values(x, r, i));
    }
  }
}

void pack_tile_columns(const View& x, const TileColumns& to) {
  for (int64_t r = 0; r < to.rows; ++r) {
    for (int64_t i = 0; i < to.inputs; i += kTileInputs) {
      _mm512_store_si512(to.values + i * to.rows + r * kTileInputs, row_values(x, r, i));
    }
  }
}

// Two panels of rows and two of outputs at a time, each tile used twice. A panel that is missing at
// the edge is the one before once more, and its sums are left.
void multiply_tiles(const TileRows& x, const TileOutputs& w, const View& out) {
  const TileScope scope;
  const int64_t panel = kTileRows * x.inputs;
  for (int64_t output = 0; output < out.cols; output += 2 * kTileOutputs) {
    const uint16_t* const w0 = w.values + output * x.inputs;
    const uint16_t* const w1 = output + kTileOutputs < out.cols ? w0 + panel : w0;
    for (int64_t row = 0; row < out.rows; row += 2 * kTileRows) {
      const uint16_t* const x0 = x.values + row * x.inputs;
      const uint16_t* const x1 = row + kTileRows < out.rows ? x0 + panel : x0;
      clear_tiles();
      for (int64_t i = 0; i < panel; i += kTileValues) {
        add_products(x0 + i, x1 + i, 64, w0 + i, w1 + i);
      }
      finish_tiles(w, out, row, output);
    }
  }
}

// All taps of 32 inputs come one after the other: their rows are the same but for a few, and are in
// the first cache.
void convolve_tiles(const TileColumns& x, const TileOutputs& w, const TileTaps& taps,
                    const View& out) {
  const TileScope scope;
  const int64_t panel = kTileOutputs * x.inputs * taps.taps;
  const int64_t column = x.rows * kTileInputs, next_tap = taps.dilation * kTileInputs;
  for (int64_t output = 0; output < out.cols; output += 2 * kTileOutputs) {
    const uint16_t* const w0 = w.values + output * x.inputs * taps.taps;
    const uint16_t* const w1 = output + kTileOutputs < out.cols ? w0 + panel : w0;
    for (int64_t row = 0; row < out.rows; row += 2 * kTileRows) {
      const uint16_t* x0 = x.values + row * taps.stride * kTileInputs;
      const int64_t second = row + kTileRows < out.rows ? kTileRows * taps.stride * kTileInputs : 0;
      clear_tiles();
      for (int64_t i = 0; i < panel; x0 += column) {
        const uint16_t* tap = x0;
        for (int64_t j = 0; j < taps.taps; ++j, tap += next_tap, i += kTileValues) {
          add_products(tap, tap + second, 64 * taps.stride, w0 + i, w1 + i);
        }
      }
      finish_tiles(w, out, row, output);
    }
  }
}

}  // namespace echo::cpu
