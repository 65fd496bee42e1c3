// The encoder of the codec: samples to 4 rows for each latent frame.
#pragma once

#include <array>
#include <span>

#include "models/dac_layers.h"
#include "models/window_transformer.h"

namespace echo {

// One step down in rate: residual units, snake, a convolution that halves or more.
class DacEncoderBlock {
 public:
  // w: the scope "encoder.block.i.block".
  DacEncoderBlock(const LayerContext& context, const Weights& w);

  struct State {
    std::array<ResidualUnit::State, 3> units;
    CausalConv1d::State down;
  };
  // (N, C) float32 -> (N / stride, 2 C) float32. Changes x.
  Tensor operator()(const Tensor& x, State& state) const;
  int64_t stride() const { return conv4_.stride(); }

 private:
  std::vector<ResidualUnit> units_;  // 0, 1, 2
  Tensor alpha3_;
  CausalConv1d conv4_;
};

class DacEncoder {
 public:
  // w: the scope "encoder". tile_rows: rows of the result that run through the convolutions at a
  // time.
  DacEncoder(const LayerContext& context, const Weights& w, int64_t tile_rows);

  // Samples for each row of the result.
  int64_t hop() const { return hop_; }
  // (samples / hop, C) float32. samples: a multiple of hop.
  Tensor operator()(std::span<const float> samples, const CodecHooks& hooks) const;

 private:
  struct State {
    CausalConv1d::State conv_in;
    std::vector<DacEncoderBlock::State> blocks;
  };
  // The next (samples / hop, C), before the transformer.
  Tensor convolve(std::span<const float> samples, State& state, const CodecHooks& hooks) const;

  Backend& backend_;
  int64_t tile_rows_;
  int64_t hop_ = 1;
  int64_t last_block_;
  CausalConv1d conv_in_;                 // block 0
  std::vector<DacEncoderBlock> blocks_;  // block 1 to last_block_
  WindowTransformer transformer_;        // the end of the last block
  Tensor alpha_out_;                     // last_block_ + 1
  CausalConv1d conv_out_;                // last_block_ + 2
};

}  // namespace echo
