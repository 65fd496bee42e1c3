// What the kernels of 8-bit matmuls share: quantizing rows, and finishing a tile of sums. Included
// by the files that are built for an instruction set.
#include <immintrin.h>

#include "cpu/int8_kernels.h"
#include "cpu/simd_inl.h"

namespace echo::cpu {
namespace {

static_assert(kLanes == 16, "these kernels are built for AVX-512");

template <class T>
float largest_magnitude(const T* x, int64_t n) {
  Vec largest{};
  over(n, [&](auto part, int64_t i) {
    const Vec a = absolute(part.load(x + i));
    largest = a > largest ? a : largest;
  });
  return _mm512_reduce_max_ps(reinterpret_cast<__m512>(largest));
}

// `flip`: 0, or 0x80 to move all codes up by 128.
template <uint8_t flip, class T>
void quantize_row(const T* x, int64_t n, int64_t inputs, int8_t* codes, float& scale) {
  const float largest = largest_magnitude(x, n);
  // A row of zeros, or one whose numbers are no numbers, must not divide by zero.
  const float step = largest > 1e-30f ? largest / 127.0f : 1.0f;
  scale = largest <= 3.4e38f ? step : __builtin_nanf("");
  const float inverse = 1.0f / step;
  over(n, [&](auto part, int64_t i) {
    const __m512i whole = _mm512_cvtps_epi32(reinterpret_cast<__m512>(part.load(x + i) * inverse));
    const __m128i bytes =
        _mm_xor_si128(_mm512_cvtsepi32_epi8(whole), _mm_set1_epi8(static_cast<char>(flip)));
    if constexpr (std::is_same_v<decltype(part), Full>) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(codes + i), bytes);
    } else {
      _mm_mask_storeu_epi8(codes + i, part.mask(), bytes);
    }
  });
  __builtin_memset(codes + n, flip, static_cast<size_t>(inputs - n));
}

template <uint8_t flip>
void quantize_rows(const View& x, const Int8Rows& to) {
  for (int64_t r = 0; r < x.rows; ++r) {
    int8_t* codes = to.codes + r * to.inputs;
    if (x.dtype == DType::kFloat32) {
      quantize_row<flip>(static_cast<const float*>(x.data) + r * x.stride, x.cols, to.inputs, codes,
                         to.scales[r]);
    } else {
      quantize_row<flip>(static_cast<const uint16_t*>(x.data) + r * x.stride, x.cols, to.inputs,
                         codes, to.scales[r]);
    }
  }
  for (int64_t r = x.rows; r < padded(x.rows, kInt8Rows); ++r) {
    __builtin_memset(to.codes + r * to.inputs, flip, static_cast<size_t>(to.inputs));
    to.scales[r] = 0;
  }
}

// Scales the sums of one row and up to 16 outputs and adds them to the result.
template <class Range, class T>
inline void finish(Range range, Vec value, const float* bias, bool accumulate, T* out) {
  if (bias) value += range.load(bias);
  if (accumulate) value += range.load(out);
  range.store(out, value);
}

inline void finish_sums(__m512i sums, float row_scale, const Int8Outputs& w, int64_t output,
                        int64_t count, const View& out, int64_t row) {
  const Vec scales = Full::load(w.scales + output) * row_scale;
  const Vec value = reinterpret_cast<Vec>(_mm512_cvtepi32_ps(sums)) * scales;
  const float* bias = w.bias ? w.bias + output : nullptr;
  const auto at = [&](auto* data) {
    data += row * out.stride + output;
    if (count >= kLanes) {
      finish(Full{}, value, bias, w.accumulate, data);
    } else {
      finish(Part{static_cast<size_t>(count)}, value, bias, w.accumulate, data);
    }
  };
  if (out.dtype == DType::kFloat32) {
    at(static_cast<float*>(out.data));
  } else {
    at(static_cast<uint16_t*>(out.data));
  }
}

}  // namespace
}  // namespace echo::cpu
