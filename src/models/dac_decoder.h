// The decoder of the codec: 4 rows for each latent frame to samples.
#pragma once

#include <array>
#include <span>

#include "models/dac_layers.h"

namespace echo {

// One step up in rate: snake, a transposed convolution, residual units.
class DacDecoderBlock {
 public:
  // w: the scope "decoder.model.i.block".
  DacDecoderBlock(const LayerContext& context, const Weights& w);

  struct State {
    CausalConv1d::State up;
    std::array<ResidualUnit::State, 3> units;
  };
  // (N, C) -> (N * rate, C / 2), float32. name: of the block, for the hooks.
  Tensor operator()(const Tensor& x, State& state, const std::string& name,
                    const CodecHooks& hooks) const;
  int64_t rate() const { return conv1_.rate(); }
  // Rows of x that make about as many bytes as the block's own weights have, or `cache_bytes` where
  // that is more: reading either again then costs alike. A power of two; at least 1.
  int64_t rows_for(int64_t cache_bytes) const;

 private:
  Tensor alpha0_;
  TransposedConv conv1_;
  std::vector<ResidualUnit> units_;  // 2, 3, 4
};

class DacDecoder {
 public:
  // w: the scope "decoder". tile_rows: rows of the input that run through the convolutions at a
  // time; the memory that a tile needs grows with them. cache_bytes: blocks cut what they get into
  // DacDecoderBlock::rows_for() them; 0: they do not.
  DacDecoder(const LayerContext& context, const Weights& w, int64_t tile_rows, int64_t cache_bytes);

  struct State {
    CausalConv1d::State conv_in;
    std::vector<DacDecoderBlock::State> blocks;
    CausalConv1d::State conv_out;
  };
  // Samples that each row of the input becomes.
  int64_t hop() const { return hop_; }
  // The next rows (N, C) float32 to N * hop samples, appended to `samples`.
  void operator()(const Tensor& x, State& state, const CodecHooks& hooks,
                  std::vector<float>& samples) const;

 private:
  // The blocks from `block` on, and what follows them: x is what that block gets. Appends samples.
  void finish(size_t block, const Tensor& x, State& state, const CodecHooks& hooks,
              std::vector<float>& samples) const;

  int64_t tile_rows_;
  int64_t cache_bytes_;
  int64_t hop_ = 1;
  int64_t last_block_;
  CausalConv1d conv_in_;                 // model 0
  std::vector<DacDecoderBlock> blocks_;  // model 1 to last_block_
  Tensor alpha_out_;                     // last_block_ + 1
  CausalConv1d conv_out_;                // last_block_ + 2
};

}  // namespace echo
