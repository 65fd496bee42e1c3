// half as CUDA's header declares it, for the emulator: the part that is used.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "cuda_runtime.h"

namespace echo::cuda_emulation {
// A number as sign, exponent and mantissa bits, rounded to nearest, ties to even. For formats
// whose exponent bias is 2^(exponent_bits - 1) - 1; not for NaN. Too large numbers give the bits
// that follow the largest number's.
inline uint32_t rounded_bits(float value, int exponent_bits, int mantissa_bits) {
  const uint32_t sign = std::signbit(value) ? 1u << (exponent_bits + mantissa_bits) : 0;
  const double size = std::abs(double{value});
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int most = (2 << (exponent_bits - 1)) << mantissa_bits;
  if (std::isinf(size)) return sign | static_cast<uint32_t>(most);
  const int exponent = size == 0 ? 1 - bias : std::max(std::ilogb(size), 1 - bias);
  // In units of the last place; the carry of the rounding moves into the exponent by itself.
  const double units = std::nearbyint(std::ldexp(size, mantissa_bits - exponent));
  const int one = 1 << mantissa_bits;
  const double bits = units + static_cast<double>((exponent + bias - 1) * one);
  return sign | static_cast<uint32_t>(std::min<double>(bits, most));
}
inline float value_of_bits(uint32_t bits, int exponent_bits, int mantissa_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = static_cast<int>(bits >> mantissa_bits) & ((1 << exponent_bits) - 1);
  const int mantissa = static_cast<int>(bits & ((1u << mantissa_bits) - 1));
  const double size =
      exponent == 0 ? std::ldexp(mantissa, 1 - bias - mantissa_bits)
                    : std::ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
  return static_cast<float>(bits >> (exponent_bits + mantissa_bits) & 1u ? -size : size);
}
}  // namespace echo::cuda_emulation

struct __half_raw {
  unsigned short x;
};
struct __half {
  __half() = default;
  __half(float value)
      : bits(std::isnan(value)
                 ? static_cast<unsigned short>(0x7fff)
                 : static_cast<unsigned short>(
                       std::min<uint32_t>(
                           echo::cuda_emulation::rounded_bits(std::abs(value), 5, 10), 0x7c00u) |
                       (std::signbit(value) ? 0x8000u : 0u))) {}
  explicit __half(__half_raw raw) : bits(raw.x) {}
  operator float() const {
    if ((bits & 0x7c00u) == 0x7c00u) {
      const float size = (bits & 0x3ffu) != 0 ? NAN : INFINITY;
      return (bits & 0x8000u) != 0 ? -size : size;
    }
    return echo::cuda_emulation::value_of_bits(bits, 5, 10);
  }

  unsigned short bits;
};
struct __attribute__((aligned(4))) __half2 {
  __half x, y;
};
using half = __half;
using half2 = __half2;
inline __half __float2half(float x) { return __half(x); }
inline __half __float2half_rn(float x) { return __half(x); }
inline float __half2float(__half x) { return static_cast<float>(x); }
inline __half2 __floats2half2_rn(float x, float y) { return {x, y}; }
inline float2 __half22float2(__half2 v) {
  return {static_cast<float>(v.x), static_cast<float>(v.y)};
}
