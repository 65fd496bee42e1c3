// Vectors of float32 in the widest registers that the including file is built for, and the
// functions that kernels are made of. Everything here has internal linkage, and nothing may use
// inline functions of other headers that the linker could share between the builds.
#include <stddef.h>
#include <stdint.h>

#include <utility>
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace echo::cpu {
namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

typedef float Vec __attribute__((vector_size(4 * kLanes)));
typedef int32_t IntVec __attribute__((vector_size(4 * kLanes)));
typedef uint32_t BitVec __attribute__((vector_size(4 * kLanes)));
typedef uint16_t HalfVec __attribute__((vector_size(2 * kLanes)));

inline Vec all(float x) { return Vec{} + x; }
inline BitVec bits_of(Vec x) { return reinterpret_cast<BitVec>(x); }
inline Vec as_floats(BitVec x) { return reinterpret_cast<Vec>(x); }

using Indices = std::make_integer_sequence<int, kLanes>;
template <int first, int second, int... i>
inline Vec pairs_by(Vec x, std::integer_sequence<int, i...>) {
  return __builtin_shufflevector(x, x, (i - i % 2 + (i % 2 == 0 ? first : second))...);
}

// ---- Elements: float32, or bfloat16 widened on load and rounded to nearest even on store. ----

inline Vec widen(HalfVec x) { return as_floats(__builtin_convertvector(x, BitVec) << 16); }
inline HalfVec narrow(Vec x) {
#if defined(__AVX512BF16__)
  return reinterpret_cast<HalfVec>(_mm512_cvtneps_pbh(reinterpret_cast<__m512>(x)));
#else
  const BitVec bits = bits_of(x);
  const BitVec rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const BitVec nan = (bits >> 16) | 0x40u;
  return __builtin_convertvector((bits & 0x7fffffffu) > 0x7f800000u ? nan : rounded, HalfVec);
#endif
}

// Lanes 2i and 2i + 1 are a pair.
inline Vec first_of_pairs(Vec x) { return pairs_by<0, 0>(x, Indices()); }
inline Vec second_of_pairs(Vec x) { return pairs_by<1, 1>(x, Indices()); }
inline Vec swapped_pairs(Vec x) { return pairs_by<1, 0>(x, Indices()); }
inline Vec with_alternating_sign(Vec x) {  // first lanes negated
  BitVec sign{};
  for (int i = 0; i < kLanes; i += 2) sign[i] = 0x80000000u;
  return as_floats(bits_of(x) ^ sign);
}

// All lanes, or the first `count` ones: the rest are zero on load and left alone on store. The
// same arithmetic runs on both, so that an element's result does not depend on its place.
struct Full {
  static Vec load(const float* p) {
    Vec x;
    __builtin_memcpy(&x, p, sizeof x);
    return x;
  }
  static Vec load(const uint16_t* p) {
    HalfVec x;
    __builtin_memcpy(&x, p, sizeof x);
    return widen(x);
  }
  static Vec only(Vec x, float = 0) { return x; }
  static void store(float* p, Vec x) { __builtin_memcpy(p, &x, sizeof x); }
  static void store(uint16_t* p, Vec x) {
    const HalfVec half = narrow(x);
    __builtin_memcpy(p, &half, sizeof half);
  }
};
struct Part {
  size_t count;
#if defined(__AVX512F__)
  __mmask16 mask() const { return static_cast<__mmask16>((1u << count) - 1u); }
  Vec load(const float* p) const { return reinterpret_cast<Vec>(_mm512_maskz_loadu_ps(mask(), p)); }
  Vec load(const uint16_t* p) const {
    return widen(reinterpret_cast<HalfVec>(_mm256_maskz_loadu_epi16(mask(), p)));
  }
  // x with `other` in the lanes past the end.
  Vec only(Vec x, float other = 0) const {
    return reinterpret_cast<Vec>(_mm512_mask_blend_ps(mask(), reinterpret_cast<__m512>(all(other)),
                                                      reinterpret_cast<__m512>(x)));
  }
  void store(float* p, Vec x) const {
    _mm512_mask_storeu_ps(p, mask(), reinterpret_cast<__m512>(x));
  }
  void store(uint16_t* p, Vec x) const {
    _mm256_mask_storeu_epi16(p, mask(), reinterpret_cast<__m256i>(narrow(x)));
  }
#else
  Vec load(const float* p) const {
    Vec x{};
    __builtin_memcpy(&x, p, count * sizeof *p);
    return x;
  }
  Vec load(const uint16_t* p) const {
    HalfVec x{};
    __builtin_memcpy(&x, p, count * sizeof *p);
    return widen(x);
  }
  Vec only(Vec x, float other = 0) const {
    Vec result = all(other);
    __builtin_memcpy(&result, &x, count * sizeof(float));
    return result;
  }
  void store(float* p, Vec x) const { __builtin_memcpy(p, &x, count * sizeof *p); }
  void store(uint16_t* p, Vec x) const {
    const HalfVec half = narrow(x);
    __builtin_memcpy(p, &half, count * sizeof *p);
  }
#endif
};

// f(Full or Part, index of the first element) over n elements.
template <class F>
inline __attribute__((always_inline)) void over(int64_t n, F f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) f(Full{}, i);
  if (i < n) f(Part{static_cast<size_t>(n - i)}, i);
}

inline float sum_of(Vec x) {
  float lane[kLanes];
  __builtin_memcpy(lane, &x, sizeof x);
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) lane[i] += lane[i + width];
  }
  return lane[0];
}

// The sum of term(Full or Part, index) over n elements; lanes past the end must be zero.
template <class F>
inline __attribute__((always_inline)) float sum_over(int64_t n, F term) {
  Vec sums[4] = {};
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    for (int j = 0; j < 4; ++j) sums[j] += term(Full{}, i + j * kLanes);
  }
  for (; i + kLanes <= n; i += kLanes) sums[0] += term(Full{}, i);
  if (i < n) sums[1] += term(Part{static_cast<size_t>(n - i)}, i);
  return sum_of((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

// ---- Functions. ----

// NaN in `x` stays; a bound is never NaN.
inline Vec clamp(Vec x, float low, float high) {
  x = x < all(low) ? all(low) : x;
  return x > all(high) ? all(high) : x;
}
inline Vec absolute(Vec x) { return as_floats(bits_of(x) & 0x7fffffffu); }
inline Vec with_sign_of(Vec x, Vec sign) {
  return as_floats(bits_of(x) | (bits_of(sign) & 0x80000000u));
}

// Rounds to the nearest integer; |x| < 2^22.
inline Vec round_nearest(Vec x) { return (x + 12582912.0f) - 12582912.0f; }

// x = n ln 2 + r with |r| <= ln(2) / 2. Gives 2^n and e^r - 1.
struct Exponential {
  Vec power, rest;
};
inline Exponential exponential(Vec x) {
  const Vec n = round_nearest(x * 1.44269504f);
  // ln 2 in two parts: n times the first is exact.
  const Vec r = (x - n * 0.693145752f) - n * 1.42860677e-6f;
  // Chebyshev fit of (e^r - 1 - r) / r^2; the error of e^r is below 2^-26.
  Vec p = r * 0.00139336439f + 0.00836317521f;
  p = p * r + 0.0416664667f;
  p = p * r + 0.166665763f;
  p = p * r + 0.5f;
  const IntVec bits = (__builtin_convertvector(n, IntVec) + 127) << 23;
  return {reinterpret_cast<Vec>(bits), p * (r * r) + r};
}

// To about one unit in the last place; 1.6e-38 below -87, 1.7e38 above 88.
inline Vec exp(Vec x) {
  const Exponential e = exponential(clamp(x, -87.0f, 88.0f));
  return e.rest * e.power + e.power;
}

inline Vec sigmoid(Vec x) { return 1.0f / (1.0f + exp(-x)); }

// (e^2a - 1) / (e^2a + 1), a = |x|, with e^2a - 1 kept to its own digits where it is small.
inline Vec tanh(Vec x) {
  const Exponential e = exponential(clamp(2.0f * absolute(x), 0.0f, 40.0f));
  const Vec minus_one = e.rest * e.power + (e.power - 1.0f);
  return with_sign_of(minus_one / (minus_one + 2.0f), x);
}

// sin^2 x: x modulo pi, then sine on [-pi/2, pi/2].
inline Vec sin_squared(Vec x) {
  const Vec n = round_nearest(x * 0.318309886f);
  // pi in three parts, the first two with few enough bits that n times them is exact.
  Vec r = ((x - n * 3.140625f) - n * 9.67502593994140625e-4f) - n * 1.509957990978376e-7f;
  // Beyond 1e7 the phase is lost and r may lie anywhere: the result must still be within [0, 1].
  r = clamp(r, -1.5708f, 1.5708f);
  const Vec s = r * r;
  // Chebyshev fit of (sin r - r) / r^3; the error of the sine is below 2^-24.
  Vec p = s * 2.63481547e-06f - 0.000198227615f;
  p = p * s + 0.0083332425f;
  p = p * s - 0.166666657f;
  const Vec sine = r * s * p + r;
  return sine * sine;
}

// Abramowitz & Stegun 7.1.26: |error| <= 1.5e-7.
inline Vec erf(Vec x) {
  const Vec a = absolute(x);
  const Vec t = 1.0f / (1.0f + 0.3275911f * a);
  Vec p = t * 1.061405429f - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  return with_sign_of(1.0f - p * t * exp(-a * a), x);
}

}  // namespace
}  // namespace echo::cpu
