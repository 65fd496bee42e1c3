// AMX multiplies tiles of 16 rows by 64 inputs with tiles of 64 inputs by 16 outputs, both signed.
#include "cpu/int8_inl.h"
#include "cpu/tile_scope_inl.h"

namespace echo::cpu {
namespace {

void multiply(const Int8Rows& x, const Int8Outputs& w, const View& out) {
  const TileScope scope;
  const int64_t panel = 16 * x.inputs;
  alignas(64) int32_t sums[2][2][16][16];
  for (int64_t output = 0; output < out.cols; output += kInt8Outputs) {
    const int8_t* codes = w.codes + output * x.inputs;
    for (int64_t row = 0; row < out.rows; row += kInt8Rows) {
      const int8_t* rows = x.codes + row * x.inputs;
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
      for (int64_t i = 0; i < x.inputs; i += kInt8Inputs) {
        _tile_loadd(4, rows + i, x.inputs);
        _tile_loadd(6, codes + i * 16, 64);
        _tile_dpbssd(0, 4, 6);
        _tile_loadd(7, codes + panel + i * 16, 64);
        _tile_dpbssd(1, 4, 7);
        _tile_loadd(5, rows + 16 * x.inputs + i, x.inputs);
        _tile_dpbssd(2, 5, 6);
        _tile_dpbssd(3, 5, 7);
      }
      _tile_stored(0, sums[0][0], 64);
      _tile_stored(1, sums[0][1], 64);
      _tile_stored(2, sums[1][0], 64);
      _tile_stored(3, sums[1][1], 64);
      for (int64_t r = 0; r < kInt8Rows && row + r < out.rows; ++r) {
        for (int64_t p = 0; p < 2 && output + 16 * p < out.cols; ++p) {
          const int64_t first = output + 16 * p;
          finish_sums(_mm512_load_si512(sums[r / 16][p][r % 16]), x.scales[row + r], w, first,
                      out.cols - first, out, row + r);
        }
      }
    }
  }
}

}  // namespace

const Int8Kernels& amx_kernels() {
  static constexpr Int8Kernels kernels{"amx", quantize_rows<0>, multiply};
  return kernels;
}

}  // namespace echo::cpu
