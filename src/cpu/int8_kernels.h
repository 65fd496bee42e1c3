// Matmuls of 8-bit codes with sums in int32, for the instruction sets that have them. They run on
// the calling thread; cpu/int8_matmul.h divides the work.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "cpu/kernels.h"

namespace echo::cpu {

// Codes are multiplied in tiles of this many rows and outputs, and this many inputs at a time;
// what is missing at an edge is padding.
constexpr int64_t kInt8Rows = 32, kInt8Outputs = 32, kInt8Inputs = 64;

constexpr int64_t padded(int64_t count, int64_t multiple) {
  return (count + multiple - 1) / multiple * multiple;
}

// Where input i of output o lies among the codes of a matrix whose rows are padded to `inputs`:
// panels of 16 outputs, in each of which four inputs of an output stand side by side.
constexpr int64_t int8_place(int64_t o, int64_t i, int64_t inputs) {
  return o / 16 * 16 * inputs + i / 4 * 64 + o % 16 * 4 + i % 4;
}

// Rows of activations, each quantized by its own largest value: x is about code * scale. The codes
// are stored as the kernels multiply them: signed, or moved up by 128.
struct Int8Rows {
  int8_t* codes = nullptr;  // rows padded to kInt8Rows, inputs to kInt8Inputs
  float* scales = nullptr;  // of each row
  int64_t inputs = 0;       // padded
};

// Outputs of a matrix, with what they are added to.
struct Int8Outputs {
  const int8_t* codes = nullptr;  // as int8_place(), outputs padded to kInt8Outputs
  const float* scales = nullptr;  // of each output, padded
  const int32_t* sums = nullptr;  // of each output's codes, padded
  const float* bias = nullptr;    // of each output, not padded; may be null
  bool accumulate = false;        // add to what is there
};

struct Int8Kernels {
  std::string_view name;
  // Fills `to` from x, padding included: rows [0, x.rows), and zeros up to kInt8Rows.
  void (*quantize)(const View& x, const Int8Rows& to);
  // out[r, o] = (out[r, o] +) x[r] . w[o] + bias[o]. out: the part of the result that belongs to
  // these rows and outputs, float32 or bfloat16. x.codes begins at the first row; outputs begin at
  // a multiple of kInt8Outputs.
  void (*multiply)(const Int8Rows& x, const Int8Outputs& w, const View& out);
};

const Int8Kernels& vnni_kernels();
const Int8Kernels& amx_kernels();

// What this machine can run, the best first; none without AVX-512 VNNI.
std::vector<const Int8Kernels*> supported_int8_kernels();

}  // namespace echo::cpu
