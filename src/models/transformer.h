// The transformer of Echo-TTS's text, speaker and latent encoders. Members are named as in the
// checkpoint; T rows of C channels, H heads of D.
#pragma once

#include <cstdint>
#include <vector>

#include "checkpoint/limits.h"
#include "nn/layers.h"

namespace echo {

inline constexpr float kRotaryTheta = 10000.0f;

// w2(silu(w1 x) * w3 x).
struct Mlp {
  Mlp(const LayerContext& context, const Weights& w);
  // Returns float32 (N, C).
  Tensor operator()(const Tensor& x) const;
  // to += this(x).
  void add_to(const Tensor& x, const Tensor& to) const;

  LinearGroup w1_w3;
  Linear w2;

 private:
  Tensor hidden(const Tensor& x) const;
};

// q, k, v and the gate of one attention, with RMS-normalised heads.
struct AttentionProjections {
  struct Projected {
    Tensor q, k, v, gate;  // (N, H * D), not normalised
  };

  AttentionProjections(const LayerContext& context, const Weights& w);
  Projected operator()(const Tensor& y) const;
  int64_t heads() const { return q_norm.rows(); }
  int64_t head_dim() const { return q_norm.cols(); }
  DType dtype() const { return wo.dtype(); }

  LinearGroup wq_wk_wv_gate;
  Linear wo;
  Tensor q_norm, k_norm;  // (H, D)
};

// x += attention(attention_norm(x)); x += mlp(mlp_norm(x)).
struct EncoderBlock {
  EncoderBlock(const LayerContext& context, const Weights& w);
  // In place on the float32 residual stream x (T, C).
  void operator()(const Tensor& x, const Tensor& rotary, bool causal) const;

  AttentionProjections attention;
  Mlp mlp;
  Tensor attention_norm, mlp_norm;
};

// A stack of blocks with rotary positions 0, 1, 2, ...
class Encoder {
 public:
  // w holds "blocks.N"; sequences of at most max_rows.
  Encoder(const LayerContext& context, const Weights& w, int64_t max_rows, bool causal);
  // In place on x (T, C) float32. Stages: "block0", "block1", ...
  void operator()(const Tensor& x, const Probe& probe = {}) const;

 private:
  std::vector<EncoderBlock> blocks_;
  Tensor rotary_;
  bool causal_;
};

}  // namespace echo
