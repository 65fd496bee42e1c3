// Vectorised loops of the CPU backend, built once for each instruction set and chosen at run time.
// They run on the calling thread over the rows they are given; the backend divides the rows.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tensor/backend.h"

namespace echo::cpu {

// A tensor's elements, as the kernels see them.
struct View {
  void* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t stride = 0;
  DType dtype = DType::kFloat32;
};

enum class Unary { kSilu, kGelu, kTanh };

// Columns [begin, end) of a row of scores, all of one section.
struct ScoreSegment {
  int64_t begin = 0;
  int64_t end = 0;
  float scale = 1.0f;  // of keys and values
};

struct Kernels {
  std::string_view name;
  void (*convert)(const View& from, const View& to);
  void (*rms_norm)(const View& x, const float* weight, float eps, const View& out);
  void (*layer_norm)(const View& x, const float* weight, const float* bias, float eps,
                     const View& out);
  void (*modulate)(const View& x, const float* shift, const float* scale, float eps,
                   const View& out);
  // weight and rotary may be null. Row r stands at position + r * step.
  void (*head_norm_rotary)(const View& x, const float* weight, float eps, const float* rotary,
                           int64_t heads, int64_t rotated_heads, int64_t position, int64_t step);
  void (*unary)(Unary op, const View& x, const View& out);
  void (*silu_mul)(const View& a, const View& b, const View& out);
  void (*sigmoid_mul)(const View& x, const View& gate);
  void (*snake)(const View& x, const float* alpha, const View& out);
  // to += x * gate; gate may be null.
  void (*add_gated)(const View& x, const float* gate, const View& to);
  void (*scale)(const View& x, float factor);
  // Softmax of factor * scores over the columns of the segments; in the first segment only columns
  // [lo, hi) count. Writes probability * segment scale to out, zero where masked.
  void (*softmax_row)(float* scores, float factor, const ScoreSegment* segments, int64_t count,
                      int64_t lo, int64_t hi, void* out, DType out_dtype);
  // out[r] = bias + sum_j w[j] * x[r + j]; rows of out.
  void (*depthwise)(const View& x, const float* w, int64_t taps, const float* bias,
                    const View& out);
  void (*nearest)(const View& x, const View& table, int32_t* ids);
  void (*guided_step)(const View& x, const View& v, const View* v_text, const View* v_speaker,
                      const GuidedStep& step);
};

const Kernels& generic_kernels();
const Kernels& avx2_kernels();
const Kernels& avx512_kernels();

// What this machine can run, the best first.
std::vector<const Kernels*> supported_kernels();

}  // namespace echo::cpu
