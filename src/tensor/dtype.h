// Element types of tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace echo {

// kInt8 and kFloat8 (e4m3) are types that weights are kept in; no operation takes tensors of them.
enum class DType { kFloat32, kBFloat16, kInt32, kInt8, kFloat8 };

constexpr size_t dtype_size(DType dtype) {
  switch (dtype) {
    case DType::kBFloat16:
      return 2;
    case DType::kInt8:
    case DType::kFloat8:
      return 1;
    default:
      return 4;
  }
}

constexpr std::string_view dtype_name(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return "float32";
    case DType::kBFloat16:
      return "bfloat16";
    case DType::kInt32:
      return "int32";
    case DType::kInt8:
      return "int8";
    case DType::kFloat8:
      return "fp8";
  }
  return "";
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
