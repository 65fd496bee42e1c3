// The kernels, as functions that put their work on a stream. What each computes is said in
// tensor/ops.h; shapes and types have been checked there. Float tensors are float32 or bfloat16,
// sums are float32; views need not be contiguous nor aligned, but then they are slower.
#pragma once

#include <cuda_runtime.h>

#include <span>

#include "cuda/view.h"

namespace echo::cuda {

void fill_zero(const View& x, cudaStream_t stream);
// Converts between float types; int32 to int32.
void copy(const View& from, const View& to, cudaStream_t stream);
void gather_rows(const View& table, const View& ids, const View& out, cudaStream_t stream);

void silu(const View& x, const View& out, cudaStream_t stream);
void gelu(const View& x, const View& out, cudaStream_t stream);
void tanh(const View& x, const View& out, cudaStream_t stream);
void scale(const View& x, float factor, cudaStream_t stream);
void silu_mul(const View& a, const View& b, const View& out, cudaStream_t stream);
void sigmoid_mul(const View& x, const View& gate, cudaStream_t stream);
void snake(const View& x, const float* alpha, const View& out, cudaStream_t stream);
void add(const View& x, const View& to, cudaStream_t stream);
// out = x + bias (+ out); bias may be null. x is float32.
void add_bias(const View& x, const float* bias, bool accumulate, const View& out,
              cudaStream_t stream);

void rms_norm(const View& x, const float* weight, float eps, const View& out, cudaStream_t stream);
void layer_norm(const View& x, const float* weight, const float* bias, float eps, const View& out,
                cudaStream_t stream);
// shift, scale and gate: a row for each sequence of the table, or one row for all.
void modulate(const View& x, const View& shift, const View& scale, float eps,
              const SequenceTable& sequences, const View& out, cudaStream_t stream);
void add_gated(const View& x, const View& gate, const SequenceTable& sequences, const View& to,
               cudaStream_t stream);
struct HeadNormRotary {
  const float* weight = nullptr;  // (heads, head_dim) or null
  float eps = 0;
  const float* rotary = nullptr;  // (positions, head_dim): cosine, sine, cosine, sine, ...
  int heads = 1, rotated_heads = 0, position_step = 1;
};
void head_norm_rotary(const View& x, const HeadNormRotary& norm, const SequenceTable& sequences,
                      cudaStream_t stream);

// Keys and values that the queries of a sequence see.
struct AttentionPart {
  const void *k = nullptr, *v = nullptr;
  int64_t k_stride = 0, v_stride = 0;
  int rows = 0;
  float scale = 1;
};
struct AttentionSequence {
  int first_row = 0, rows = 0;  // of q and out
  int earlier = 0;              // keys of the first part before the first query's own
  int first_part = 0, parts = 0;
};
// One call's sequences and their parts, small enough to be a kernel's argument. The first part of a
// sequence are its own keys, which causal and window are about.
struct AttentionTable {
  static constexpr int kMaxSequences = 24, kMaxParts = 64;
  int sequence_count = 0, part_count = 0;
  AttentionSequence sequences[kMaxSequences];
  AttentionPart parts[kMaxParts];
};
struct AttentionCall {
  View q, out;
  int heads = 1;
  bool causal = false;
  int window = 0;
  size_t multiprocessor_memory = 0;  // shared, in bytes: decides how many keys pass at a time
};
void attention(const AttentionCall& call, const AttentionTable& table, cudaStream_t stream);

// Raw weights (out, in, taps) as rows of `out`, taps outside of in: (out, taps, in), converted.
void pack_weights(const void* raw, DType raw_dtype, int64_t taps, const View& packed,
                  cudaStream_t stream);
// out = x w^T + bias (+ out), w (out, in) of x's type: for what cuBLASLt refuses.
void matmul(const View& x, const View& w, const float* bias, bool accumulate, const View& out,
            cudaStream_t stream);

// w: rows of `out` outputs, columns [tap][input], contiguous, of x's type.
struct Convolution {
  View w;
  const float* bias = nullptr;  // or null
  int taps = 1, stride = 1, dilation = 1;
  bool accumulate = false;
};
void conv1d(const View& x, const Convolution& convolution, const View& out, cudaStream_t stream);
// w (taps, channels) float32.
void depthwise_conv1d(const View& x, const View& w, const float* bias, const View& out,
                      cudaStream_t stream);

void nearest_rows(const View& x, const View& table, const View& ids, cudaStream_t stream);
// v_text and v_speaker may be without data.
void guided_step(const View& x, const View& v, const View& v_text, const View& v_speaker,
                 const GuidedStep& step, cudaStream_t stream);

}  // namespace echo::cuda
