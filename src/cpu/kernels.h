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

// One head's keys and values of one source.
struct AttentionPart {
  const void* k = nullptr;
  const void* v = nullptr;
  int64_t k_stride = 0;  // elements
  int64_t v_stride = 0;
  int64_t rows = 0;
  float scale = 1.0f;  // multiplies keys and values
};

// Some queries of one head over all the keys of their sequence.
struct AttentionTask {
  DType dtype = DType::kFloat32;  // of everything
  int64_t width = 0;              // of the head
  const void* q = nullptr;
  void* out = nullptr;
  int64_t q_stride = 0;  // elements
  int64_t out_stride = 0;
  int64_t queries = 0;
  // The first part are the sequence's own keys, which the causal rule is about; its scale is 1.
  const AttentionPart* parts = nullptr;
  int64_t part_count = 0;
  int64_t position = 0;  // of the first query among the first part's keys
  bool causal = false;
  int64_t window = 0;
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
  // out[r] = bias + sum_j w[j] * x[r + j]; rows of out.
  void (*depthwise)(const View& x, const float* w, int64_t taps, const float* bias,
                    const View& out);
  // For each row of x the candidate with the largest dot product; candidates are columns.
  void (*nearest)(const View& x, const View& candidates, int32_t* ids);
  void (*guided_step)(const View& x, const View& v, const View* v_text, const View* v_speaker,
                      const GuidedStep& step);
  // Needs memory of attention_workspace() bytes, aligned to 64.
  size_t (*attention_workspace)(const AttentionTask& task);
  void (*attention)(const AttentionTask& task, void* workspace);
};

const Kernels& generic_kernels();
const Kernels& avx2_kernels();
const Kernels& avx512_kernels();
const Kernels& avx512bf16_kernels();
const Kernels& avx512amx_kernels();  // and avx512bf16

// What this machine can run, the best first.
std::vector<const Kernels*> supported_kernels();

}  // namespace echo::cpu
