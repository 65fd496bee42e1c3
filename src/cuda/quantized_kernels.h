// Kernels for weights of 8 bits. A weight is code times scale; codes lie in rows of a stride that
// is a multiple of kQuantizedInputs, filled up with zeros.
#pragma once

#include <cuda_runtime.h>

#include "cuda/view.h"

namespace echo::cuda {

constexpr int64_t kQuantizedInputs = 32;
constexpr int64_t quantized_stride(int64_t in) {
  return (in + kQuantizedInputs - 1) / kQuantizedInputs * kQuantizedInputs;
}

// A matrix (out, in) of signed bytes, |code| <= 127, with a scale for each output.
struct Int8Matrix {
  int8_t* codes = nullptr;
  float* scales = nullptr;
  int64_t out = 0, in = 0;
  int64_t stride() const { return quantized_stride(in); }
};

// Rounds to the nearest code, scale = largest |weight| of the row / 127. weights: (out, in), float.
void quantize_int8(const View& weights, const Int8Matrix& to, cudaStream_t stream);
// out = x w^T + bias (+ out). x is bfloat16 and whole: see is_whole(). Codes are exact in bfloat16,
// sums are float32 and scaled at the end.
void int8_matmul(const View& x, const Int8Matrix& w, const float* bias, bool accumulate,
                 const View& out, cudaStream_t stream);

// to = code times scale, rounded to bfloat16; rows as wide as the matrix' own.
void expand_int8(const Int8Matrix& from, const View& to, cudaStream_t stream);

// Whether rows can be copied by 16 bytes: aligned, and a multiple of 16 bytes long.
bool is_whole(const View& x);
// Copies rows of x to rows of `to`, which are at least as wide, and puts zeros behind them. Both
// bfloat16.
void pad_columns(const View& x, const View& to, cudaStream_t stream);

// The scales of a tensor in e4m3 are powers of two: its largest element comes to lie in
// [224, 448], and the rounding of an element does not depend on the others unless these are some
// 2^15 times larger.

// Some largest magnitudes, on the device; the largest of all decides about the scale.
struct Magnitudes {
  const float* pieces = nullptr;
  int count = 0;
};
// Codes in rows of `stride` bytes, which is a multiple of 16, at an address that is one too.
struct Float8Matrix {
  uint8_t* codes = nullptr;
  int64_t rows = 0, stride = 0;
  float* scale = nullptr;
};

// Writes the largest magnitudes of parts of x: returns how many, at most kMaxMagnitudes.
constexpr int kMaxMagnitudes = 512;
int largest_magnitudes(const View& x, float* pieces, cudaStream_t stream);
// to = x / *to.scale in e4m3, zeros behind columns and rows. Sets the scale.
void quantize_float8(const View& x, const Magnitudes& magnitudes, const Float8Matrix& to,
                     cudaStream_t stream);

}  // namespace echo::cuda
