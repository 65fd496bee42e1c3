// Element types of tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace echo {

enum class DType { kFloat32, kBFloat16, kInt32 };

constexpr size_t dtype_size(DType dtype) { return dtype == DType::kBFloat16 ? 2 : 4; }

constexpr std::string_view dtype_name(DType dtype) {
  return dtype == DType::kFloat32 ? "float32" : dtype == DType::kBFloat16 ? "bfloat16" : "int32";
}

// The upper half of a float32. Stored only; arithmetic happens in float32.
using BFloat16 = uint16_t;

inline float bfloat16_to_float(BFloat16 value) {
  const uint32_t bits = uint32_t{value} << 16;
  float result;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}

// Rounds to nearest, ties to even. NaN stays NaN.
inline BFloat16 float_to_bfloat16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<BFloat16>((bits >> 16) | 0x40u);
  bits += 0x7fffu + ((bits >> 16) & 1u);
  return static_cast<BFloat16>(bits >> 16);
}

}  // namespace echo
