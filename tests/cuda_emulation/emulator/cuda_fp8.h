// e4m3 as CUDA's header declares it, for the emulator: the part that is used.
#pragma once

#include <cmath>

#include "cuda_fp16.h"

using __nv_fp8_storage_t = unsigned char;
using __nv_fp8x2_storage_t = unsigned short;
using __nv_fp8x4_storage_t = unsigned;
enum __nv_saturation_t { __NV_NOSAT, __NV_SATFINITE };
enum __nv_fp8_interpretation_t { __NV_E4M3, __NV_E5M2 };

// e4m3 only. Without saturation a number beyond 448 is NaN, with it 448.
inline __nv_fp8_storage_t __nv_cvt_float_to_fp8(float x, __nv_saturation_t saturation,
                                                __nv_fp8_interpretation_t) {
  constexpr unsigned kMax = 0x7e, kNaN = 0x7f;
  if (std::isnan(x)) return static_cast<__nv_fp8_storage_t>(kNaN);
  const unsigned sign = std::signbit(x) ? 0x80u : 0u;
  const unsigned bits = echo::cuda_emulation::rounded_bits(std::abs(x), 4, 3);
  return static_cast<__nv_fp8_storage_t>(sign | (bits <= kMax                   ? bits
                                                 : saturation == __NV_SATFINITE ? kMax
                                                                                : kNaN));
}
inline __nv_fp8x2_storage_t __nv_cvt_float2_to_fp8x2(float2 v, __nv_saturation_t saturation,
                                                     __nv_fp8_interpretation_t kind) {
  return static_cast<__nv_fp8x2_storage_t>(__nv_cvt_float_to_fp8(v.x, saturation, kind) |
                                           __nv_cvt_float_to_fp8(v.y, saturation, kind) << 8);
}

struct __nv_fp8_e4m3 {
  __nv_fp8_e4m3() = default;
  explicit __nv_fp8_e4m3(float x) : __x(__nv_cvt_float_to_fp8(x, __NV_SATFINITE, __NV_E4M3)) {}
  explicit operator float() const {
    if ((__x & 0x7f) == 0x7f) return NAN;
    return echo::cuda_emulation::value_of_bits(__x, 4, 3);
  }

  __nv_fp8_storage_t __x;
};
struct __nv_fp8x4_e4m3 {
  __nv_fp8x4_e4m3() = default;
  explicit __nv_fp8x4_e4m3(float4 v)
      : __x(static_cast<__nv_fp8x4_storage_t>(__nv_fp8_e4m3(v.x).__x) |
            static_cast<__nv_fp8x4_storage_t>(__nv_fp8_e4m3(v.y).__x) << 8 |
            static_cast<__nv_fp8x4_storage_t>(__nv_fp8_e4m3(v.z).__x) << 16 |
            static_cast<__nv_fp8x4_storage_t>(__nv_fp8_e4m3(v.w).__x) << 24) {}

  __nv_fp8x4_storage_t __x;
};
