#include "models/window_transformer.h"

#include <algorithm>
#include <string>

#include "base/error.h"
#include "checkpoint/limits.h"
#include "checkpoint/s1_dac_layout.h"

namespace echo {
namespace {

constexpr float kDacRotaryTheta = 10000.0f;

// The rows of `earlier` (which may be empty), then those of x.
Tensor append(const Tensor& earlier, const Tensor& x) {
  if (earlier.empty()) return x;
  const Tensor all = empty(x.backend(), earlier.rows() + x.rows(), x.cols(), x.dtype());
  copy(earlier, all.row_range(0, earlier.rows()));
  copy(x, all.row_range(earlier.rows(), x.rows()));
  return all;
}

// A copy of the last rows: a view would keep the whole buffer alive.
Tensor last_rows(const Tensor& x, int64_t rows) {
  rows = std::min(rows, x.rows());
  const Tensor kept = empty(x.backend(), rows, x.cols(), x.dtype());
  copy(x.row_range(x.rows() - rows, rows), kept);
  return kept;
}

}  // namespace

WindowTransformer::Layer::Layer(const LayerContext& context, const Weights& w)
    : attention_norm(load_vector(context, w.tensor("attention_norm.weight"))),
      wqkv(context, w["attention"]["wqkv"]),
      wo(context, w["attention"]["wo"]),
      attention_layer_scale(load_vector(context, w.tensor("attention_layer_scale.gamma"))),
      ffn_norm(load_vector(context, w.tensor("ffn_norm.weight"))),
      w1_w3(context, w["feed_forward"], {"w1", "w3"}),
      w2(context, w["feed_forward"]["w2"]),
      ffn_layer_scale(load_vector(context, w.tensor("ffn_layer_scale.gamma"))) {}

WindowTransformer::WindowTransformer(const LayerContext& context, const Weights& w,
                                     const Shape& shape)
    : shape_(shape),
      norm_(load_vector(context, w.tensor("norm.weight"))),
      freqs_cis_(
          rotary_table(context.backend, shape.positions, kDacHeadDim, kDacRotaryTheta, true)) {
  for (int64_t i = 0; i < w["layers"].count(); ++i) layers_.emplace_back(context, w["layers"][i]);
  heads_ = layers_.at(0).wo.in() / kDacHeadDim;
}

Tensor WindowTransformer::operator()(const Tensor& x, State& state) const {
  if (state.rows + x.rows() > shape_.positions) {
    throw_invalid("codec: a sequence of " + std::to_string(state.rows + x.rows()) +
                  " positions, at most " + std::to_string(shape_.positions) + " are possible");
  }
  state.layers.resize(layers_.size());
  const Sequences sequences = {{.rows = x.rows()}};
  const Tensor h = empty(x.backend(), x.rows(), x.cols(), DType::kFloat32);
  copy(x, h);
  for (size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const Tensor a = rms_norm(h, layer.attention_norm, kNormEps, layer.wqkv.dtype());
    add_gated(attention(layer, a, state.rows, state.layers[i]), layer.attention_layer_scale,
              sequences, h);
    const Tensor f = rms_norm(h, layer.ffn_norm, kNormEps, layer.w2.dtype());
    const std::vector<Tensor> y = layer.w1_w3(f, layer.w2.dtype());
    add_gated(layer.w2(silu_mul(y[0], y[1]), DType::kFloat32), layer.ffn_layer_scale, sequences, h);
  }
  state.rows += x.rows();
  return rms_norm(h, norm_, kNormEps, DType::kFloat32);
}

Tensor WindowTransformer::attention(const Layer& layer, const Tensor& x, int64_t first_row,
                                    State::KeyValues& seen) const {
  const Sequences sequences = {{.rows = x.rows(), .first_position = first_row}};
  const std::vector<Tensor> qkv = layer.wqkv(x, layer.wo.dtype()).split_columns(3);
  for (const Tensor& rotated : {qkv[0], qkv[1]}) {
    head_norm_rotary(rotated, Tensor(), 0, freqs_cis_, heads_, heads_, sequences);
  }
  const Tensor k = append(seen.k, qkv[1]), v = append(seen.v, qkv[2]);
  seen = {last_rows(k, shape_.window - 1), last_rows(v, shape_.window - 1)};
  const AttentionShape shape = {.heads = heads_, .causal = true, .window = shape_.window};
  return layer.wo(echo::attention(qkv[0], k, v, shape, sequences), DType::kFloat32);
}

}  // namespace echo
