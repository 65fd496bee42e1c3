// What stands between the codec's encoder and decoder: a quarter of the rate, and codebooks.
#pragma once

#include <vector>

#include "models/dac_layers.h"
#include "models/window_transformer.h"

namespace echo {

// A codebook in a narrow space of its own. Float32, whatever the other layers' precision: a nearest
// code is found or missed.
class Codebook {
 public:
  // w: the scope of "in_proj", "codebook" and "out_proj".
  Codebook(Backend& backend, const Weights& w);

  Tensor project(const Tensor& x) const { return in_proj_(x, DType::kFloat32); }
  // The codes (N, 1) that are nearest in angle to the projected rows.
  Tensor nearest(const Tensor& projected) const;
  // (N, C) of codes (N, 1).
  Tensor decode(const Tensor& codes) const;
  int64_t width() const { return in_proj_.out(); }

 private:
  Linear in_proj_;
  Tensor codebook_;
  Tensor directions_;  // the codebook's rows, each of length 1
  Linear out_proj_;
};

class Quantizer {
 public:
  // The published model's table of rotary embeddings ends here.
  static constexpr int64_t kMaxFrames = 4096;

  // w: the scope "quantizer".
  Quantizer(const LayerContext& context, const Weights& w);

  struct Codes {
    Tensor z_q;    // (frames, C) float32
    Tensor codes;  // (frames, codebooks) int32, the semantic one first
  };
  // Rows of the encoder, reduction() for each frame, of one whole sequence.
  Codes encode(const Tensor& encoded, const CodecHooks& hooks) const;
  int64_t reduction() const { return reduction_; }

  struct State {
    WindowTransformer::State post_module;
    std::vector<ConvNext::State> upsample;
  };
  // The sequence's next z_q (N, C) to rows for the decoder (N * reduction, C), float32.
  Tensor decode(const Tensor& z_q, State& state, const CodecHooks& hooks) const;

  // Exposed for tests of its behaviour at inputs that audio does not lead to.
  const WindowTransformer& pre_module() const { return pre_module_; }

 private:
  // Subtracts from `rest` what each codebook takes; the next sees what is left.
  Codes quantize(const Tensor& rest, const CodecHooks& hooks) const;

  struct Downsample {
    CausalConv1d conv;
    ConvNext block;
  };
  struct Upsample {
    Linear conv;  // transposed, as many taps as the rate: it makes the samples of one row
    ConvNext block;
  };
  int64_t reduction_ = 1;
  std::vector<Downsample> downsample_;
  WindowTransformer pre_module_;
  std::vector<Codebook> codebooks_;  // semantic_quantizer, then quantizer 0 to 8
  WindowTransformer post_module_;
  std::vector<Upsample> upsample_;
};

}  // namespace echo
