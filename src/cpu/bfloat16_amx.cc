// The matmuls of cpu/bfloat16_matmul.h.
#include <immintrin.h>

#include "cpu/bfloat16_matmul.h"
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

}  // namespace

void pack_tile_rows(const View& x, const TileRows& to) {
  const auto* const from = static_cast<const uint16_t*>(x.data);
  for (int64_t i = 0; i < to.inputs; i += kTileInputs) {
    uint16_t* const tile = to.values + i * kTileRows;
    const int64_t left = x.cols - i;
    const auto mask = left >= kTileInputs ? ~__mmask32{0}
                      : left > 0          ? static_cast<__mmask32>((1u << left) - 1u)
                                          : __mmask32{0};
    for (int64_t r = 0; r < kTileRows; ++r) {
      const __m512i values = r < x.rows ? _mm512_maskz_loadu_epi16(mask, from + r * x.stride + i)
                                        : _mm512_setzero_si512();
      _mm512_store_si512(tile + r * kTileInputs, values);
    }
  }
}

// Two panels of rows and two of outputs at a time, each tile used twice. A panel that is missing at
// the edge is the one before once more, and its sums are left.
void multiply_tiles(const TileRows& x, const TileOutputs& w, const View& out) {
  const TileScope scope;
  const int64_t panel = kTileRows * x.inputs;
  alignas(64) float sums[4][kTileRows * kTileOutputs];
  for (int64_t output = 0; output < out.cols; output += 2 * kTileOutputs) {
    const uint16_t* const w0 = w.values + output * x.inputs;
    const uint16_t* const w1 = output + kTileOutputs < out.cols ? w0 + panel : w0;
    for (int64_t row = 0; row < out.rows; row += 2 * kTileRows) {
      const uint16_t* const x0 = x.values + row * x.inputs;
      const uint16_t* const x1 = row + kTileRows < out.rows ? x0 + panel : x0;
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
      for (int64_t i = 0; i < panel; i += kTileValues) {
        _tile_loadd(4, x0 + i, 64);
        _tile_loadd(6, w0 + i, 64);
        _tile_loadd(7, w1 + i, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, x1 + i, 64);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
      }
      _tile_stored(0, sums[0], 64);
      _tile_stored(1, sums[1], 64);
      _tile_stored(2, sums[2], 64);
      _tile_stored(3, sums[3], 64);
      finish_tile(sums[0], w, output, out, row);
      finish_tile(sums[1], w, output + kTileOutputs, out, row);
      finish_tile(sums[2], w, output, out, row + kTileRows);
      finish_tile(sums[3], w, output + kTileOutputs, out, row + kTileRows);
    }
  }
}

}  // namespace echo::cpu
