// AVX-512 VNNI multiplies unsigned by signed bytes: activations are moved up by 128, and 128 times
// the sum of an output's codes is taken away again.
#include "cpu/int8_inl.h"

namespace echo::cpu {
namespace {

constexpr int64_t kTileRows = 8, kPanels = 2;
static_assert(kInt8Rows % kTileRows == 0 && kInt8Outputs == 16 * kPanels);

void multiply(const Int8Rows& x, const Int8Outputs& w, const View& out) {
  const __m512i up = _mm512_set1_epi32(static_cast<int>(0x80808080u));
  const int64_t panel = 16 * x.inputs;
  for (int64_t output = 0; output < out.cols; output += kInt8Outputs) {
    const int8_t* codes = w.codes + output * x.inputs;
    for (int64_t row = 0; row < out.rows; row += kTileRows) {
      __m512i sums[kTileRows][kPanels] = {};
      const int8_t* rows = x.codes + row * x.inputs;
      for (int64_t i = 0; i < x.inputs; i += 4) {
        __m512i b[kPanels];
        for (int64_t p = 0; p < kPanels; ++p) {
          b[p] = _mm512_load_si512(codes + p * panel + i * 16);
        }
        for (int64_t r = 0; r < kTileRows; ++r) {
          int32_t four;
          __builtin_memcpy(&four, rows + r * x.inputs + i, sizeof four);
          const __m512i a = _mm512_xor_si512(_mm512_set1_epi32(four), up);
          for (int64_t p = 0; p < kPanels; ++p) {
            sums[r][p] = _mm512_dpbusd_epi32(sums[r][p], a, b[p]);
          }
        }
      }
      for (int64_t p = 0; p < kPanels; ++p) {
        const int64_t first = output + p * 16;
        if (first >= out.cols) break;
        const __m512i excess = _mm512_slli_epi32(_mm512_loadu_si512(w.sums + first), 7);
        for (int64_t r = 0; r < kTileRows && row + r < out.rows; ++r) {
          finish_sums(_mm512_sub_epi32(sums[r][p], excess), x.scales[row + r], w, first,
                      out.cols - first, out, row + r);
        }
      }
    }
  }
}

}  // namespace

const Int8Kernels& vnni_kernels() {
  static constexpr Int8Kernels kernels{"vnni", quantize_rows, multiply};
  return kernels;
}

}  // namespace echo::cpu
