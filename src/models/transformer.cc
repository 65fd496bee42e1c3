#include "models/transformer.h"

namespace echo {

Mlp::Mlp(const LayerContext& context, const Weights& w)
    : w1_w3(context, w, {"w1", "w3"}), w2(context, w["w2"]) {}

Tensor Mlp::hidden(const Tensor& x) const {
  const std::vector<Tensor> y = w1_w3(x, w2.dtype());
  return silu_mul(y[0], y[1]);
}

Tensor Mlp::operator()(const Tensor& x) const { return w2(hidden(x), DType::kFloat32); }

void Mlp::add_to(const Tensor& x, const Tensor& to) const { w2.add_to(hidden(x), to); }

AttentionProjections::AttentionProjections(const LayerContext& context, const Weights& w)
    : wq_wk_wv_gate(context, w, {"wq", "wk", "wv", "gate"}),
      wo(context, w["wo"]),
      q_norm(load_matrix(context, w.tensor("q_norm.weight"))),
      k_norm(load_matrix(context, w.tensor("k_norm.weight"))) {}

AttentionProjections::Projected AttentionProjections::operator()(const Tensor& y) const {
  const std::vector<Tensor> each = wq_wk_wv_gate(y, dtype());
  return {each[0], each[1], each[2], each[3]};
}

EncoderBlock::EncoderBlock(const LayerContext& context, const Weights& w)
    : attention(context, w["attention"]),
      mlp(context, w["mlp"]),
      attention_norm(load_vector(context, w.tensor("attention_norm.weight"))),
      mlp_norm(load_vector(context, w.tensor("mlp_norm.weight"))) {}

void EncoderBlock::operator()(const Tensor& x, const Tensor& rotary, bool causal) const {
  const Sequences sequences{{x.rows(), 0}};
  const int64_t heads = attention.heads();
  const DType dtype = attention.dtype();

  const auto [q, k, v, gate] = attention(rms_norm(x, attention_norm, kNormEps, dtype));
  head_norm_rotary(q, attention.q_norm, kNormEps, rotary, heads, heads, sequences);
  head_norm_rotary(k, attention.k_norm, kNormEps, rotary, heads, heads, sequences);
  const Tensor mixed = echo::attention(q, k, v, {heads, causal, 0}, sequences);
  sigmoid_mul(mixed, gate);
  attention.wo.add_to(mixed, x);

  mlp.add_to(rms_norm(x, mlp_norm, kNormEps, dtype), x);
}

Encoder::Encoder(const LayerContext& context, const Weights& w, int64_t max_rows, bool causal)
    : causal_(causal) {
  const int64_t layers = w["blocks"].count();
  for (int64_t i = 0; i < layers; ++i) blocks_.emplace_back(context, w["blocks"][i]);
  rotary_ = rotary_table(context.backend, max_rows, blocks_.at(0).attention.head_dim(),
                         kRotaryTheta, false);
}

void Encoder::operator()(const Tensor& x, const Probe& probe) const {
  for (size_t i = 0; i < blocks_.size(); ++i) {
    blocks_[i](x, rotary_, causal_);
    if (probe) probe("block" + std::to_string(i), x);
  }
}

}  // namespace echo
