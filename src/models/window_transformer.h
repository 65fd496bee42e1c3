// The causal transformer with a sliding window that the codec uses in three places.
#pragma once

#include <vector>

#include "nn/layers.h"

namespace echo {

// Per layer: h = x + g1 * attention(norm(x)), y = h + g2 * ffn(norm(h)), with learned scales g1, g2
// for each channel; a norm at the end. Heads of 64, rotary embedding with cosines and sines rounded
// to bfloat16, RMS norms with eps 1e-5, SwiGLU. A row sees itself and the window - 1 rows before.
class WindowTransformer {
 public:
  struct Shape {
    int64_t window = 0;
    int64_t positions = 0;  // the most rows of one sequence
  };

  // w: the scope of "layers" and "norm".
  WindowTransformer(const LayerContext& context, const Weights& w, const Shape& shape);

  // The keys and values of earlier rows that later ones still see, for each layer.
  struct State {
    int64_t rows = 0;  // that have passed
    struct KeyValues {
      Tensor k, v;
    };
    std::vector<KeyValues> layers;
  };

  // (N, C) float32 -> (N, C) float32: the sequence's next rows (all of it, from an empty state).
  // Pieces give what one call with all rows gives. Errors: kInvalidArgument for more rows in all
  // than the shape's positions.
  Tensor operator()(const Tensor& x, State& state) const;

  int64_t width() const { return norm_.cols(); }

 private:
  struct Layer {
    Layer(const LayerContext& context, const Weights& w);
    Tensor attention_norm;
    Linear wqkv, wo;
    Tensor attention_layer_scale;
    Tensor ffn_norm;
    LinearGroup w1_w3;
    Linear w2;
    Tensor ffn_layer_scale;
  };
  Tensor attention(const Layer& layer, const Tensor& x, int64_t first_row,
                   State::KeyValues& seen) const;

  Shape shape_;
  int64_t heads_ = 0;
  std::vector<Layer> layers_;
  Tensor norm_;
  Tensor freqs_cis_;
};

}  // namespace echo
