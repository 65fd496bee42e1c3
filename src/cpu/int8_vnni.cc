// AVX-512 VNNI multiplies unsigned by signed bytes: activations are moved up by 128, and 128 times
// the sum of an output's codes is taken away again.
#include <tuple>

#include "cpu/int8_inl.h"

namespace echo::cpu {
namespace {

constexpr int64_t kTileRows = 8, kPanels = 2;
static_assert(kInt8Rows % kTileRows == 0 && kInt8Outputs == 16 * kPanels);

// The sums of a tile. Each row's two sums are variables of their own, not elements of an array:
// GCC 12 moves those around at every step.
template <int... r>
inline void sum_tile(const int8_t* rows, const int8_t* codes, int64_t inputs,
                     std::integer_sequence<int, r...>, __m512i (&sums)[kTileRows][kPanels]) {
  struct Pair {
    __m512i first = _mm512_setzero_si512(), second = _mm512_setzero_si512();
  };
  std::tuple<decltype(r, Pair())...> pairs;
  for (int64_t i = 0; i < inputs; i += 4) {
    const __m512i first = _mm512_loadu_si512(codes + i * 16);
    const __m512i second = _mm512_loadu_si512(codes + (inputs + i) * 16);
    const auto add = [&](Pair& pair, const int8_t* row) {
      int32_t four;
      __builtin_memcpy(&four, row + i, sizeof four);
      const __m512i a = _mm512_set1_epi32(four);
      pair.first = _mm512_dpbusd_epi32(pair.first, a, first);
      pair.second = _mm512_dpbusd_epi32(pair.second, a, second);
    };
    (add(std::get<r>(pairs), rows + r * inputs), ...);
  }
  ((sums[r][0] = std::get<r>(pairs).first, sums[r][1] = std::get<r>(pairs).second), ...);
}

void multiply(const Int8Rows& x, const Int8Outputs& w, const View& out) {
  for (int64_t output = 0; output < out.cols; output += kInt8Outputs) {
    const int8_t* codes = w.codes + output * x.inputs;
    for (int64_t row = 0; row < out.rows; row += kTileRows) {
      __m512i sums[kTileRows][kPanels];
      sum_tile(x.codes + row * x.inputs, codes, x.inputs,
               std::make_integer_sequence<int, kTileRows>(), sums);
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
  static constexpr Int8Kernels kernels{"vnni", quantize_rows<0x80>, multiply};
  return kernels;
}

}  // namespace echo::cpu
