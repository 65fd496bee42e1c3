// The operations that models are written in. Each checks the shapes of what it is given (a mismatch
// is kInternal and names the operation and both shapes), allocates its result in the backend of its
// first argument and lets the backend compute. All tensors of one call belong to one backend.
//
// Axes: N rows (sequences stacked), C channels, H heads, D head width, T keys, B sequences. "float"
// below means float32 or bfloat16; norms, sums and exponentials are always computed in float32.
#pragma once

#include <span>

#include "tensor/backend.h"

namespace echo {

// Memory. `empty` leaves the elements undefined.
Tensor empty(Backend& backend, int64_t rows, int64_t cols, DType dtype);
Tensor zeros(Backend& backend, int64_t rows, int64_t cols, DType dtype);
Tensor from_host(Backend& backend, std::span<const float> values, int64_t rows, int64_t cols);
Tensor from_host(Backend& backend, std::span<const int32_t> values);  // (n, 1), int32
void copy(const Tensor& from, const Tensor& to);                      // converts float types
Tensor cast(const Tensor& x, DType dtype);  // x itself when it has that type already

// x w^T + bias: (N, in) -> (N, out). x has the weights' type; bias is (1, out) float32 or empty.
Tensor linear(const Tensor& x, const PackedWeights& w, const Tensor& bias, DType out);
// to += x w^T + bias.
void linear_add(const Tensor& x, const PackedWeights& w, const Tensor& bias, const Tensor& to);

// A convolution over the rows without padding:
// y[t] = bias + sum_j w[:, :, j] x[t * stride + j * dilation]; (N, in) -> (M, out) with
// M = (N - dilation * (taps - 1) - 1) / stride + 1.
Tensor conv1d(const Tensor& x, const PackedWeights& w, const Tensor& bias, DType out);
void conv1d_add(const Tensor& x, const PackedWeights& w, const Tensor& bias, const Tensor& to);
// Each channel with its own taps: x (N, C), w (taps, C) float32, bias (1, C) -> (N - taps + 1, C).
Tensor depthwise_conv1d(const Tensor& x, const Tensor& w, const Tensor& bias);

// x / sqrt(mean(x^2) + eps) * weight, over each row; weight (1, C) float32.
Tensor rms_norm(const Tensor& x, const Tensor& weight, float eps, DType out);
// (x - mean) / sqrt(var + eps) * weight + bias, over each row.
Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps, DType out);
// Adaptive layer norm: rms(x) * (1 + scale) + shift. shift, scale: (B, C) float32, a row for each
// sequence, or (1, C) for all.
Tensor modulate(const Tensor& x, const Tensor& shift, const Tensor& scale, float eps,
                const Sequences& sequences, DType out);

// cos and sin of position * theta^(-2i/D), interleaved: (positions, D) = cos0 sin0 cos1 sin1 ...
// `rounded` rounds both to bfloat16, as the codec's stored tables are.
Tensor rotary_table(Backend& backend, int64_t positions, int64_t head_dim, float theta,
                    bool rounded);
// In place on x (N, H * D): each head is RMS-normalised with its row of weight (H, D) (no
// normalisation when weight is empty), then pairs of adjacent channels of the first rotated_heads
// heads are rotated. Row r of a sequence stands at position first_position + r * position_step.
void head_norm_rotary(const Tensor& x, const Tensor& weight, float eps, const Tensor& rotary,
                      int64_t heads, int64_t rotated_heads, const Sequences& sequences,
                      int64_t position_step = 1);

// softmax(q k^T / sqrt(D)) v for each sequence and head, over the sequence's own rows of k and v
// followed by its sections. q, k, v: (N, H * D). sections: one for each sequence, or none at all.
// With a single sequence k and v may have more rows than q: the first ones are of rows before the
// queries'.
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionShape& shape,
                 const Sequences& sequences, std::span<const Sections> sections = {});

Tensor silu(const Tensor& x, DType out);
Tensor gelu(const Tensor& x, DType out);  // x * Phi(x), exact
Tensor tanh(const Tensor& x);
Tensor silu_mul(const Tensor& a, const Tensor& b);          // silu(a) * b
void sigmoid_mul(const Tensor& x, const Tensor& gate);      // x *= sigmoid(gate)
// x + sin^2(alpha x) / (alpha + 1e-9); alpha (1, C) float32.
Tensor snake(const Tensor& x, const Tensor& alpha, DType out);
void snake(const Tensor& x, const Tensor& alpha, const Tensor& out);  // out may be a view
void add(const Tensor& x, const Tensor& to);                          // to += x
// to += gate * x; gate (B, C) float32, a row for each sequence, or (1, C) for all.
void add_gated(const Tensor& x, const Tensor& gate, const Sequences& sequences, const Tensor& to);
void scale(const Tensor& x, float factor);  // x *= factor

// Rows of table (n, C) by ids (N, 1) int32 -> (N, C).
Tensor gather_rows(const Tensor& table, const Tensor& ids);
// For each row of x the row of table with the largest dot product, the first of equals: (N, 1).
Tensor nearest_rows(const Tensor& x, const Tensor& table);

// x += (t_next - t) * v', v' = v + cfg_text (v - v_text) + cfg_speaker (v - v_speaker), rescaled if
// asked. v_text and v_speaker may be empty: no such guidance. All (S, C) float32.
void guided_step(const Tensor& x, const Tensor& v, const Tensor& v_text, const Tensor& v_speaker,
                 const GuidedStep& step);

}  // namespace echo
