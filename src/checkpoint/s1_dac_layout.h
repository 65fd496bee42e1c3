// The sizes and the tensors of a Fish S1-DAC checkpoint.
#pragma once

#include <cstdint>
#include <vector>

#include "checkpoint/tensor_layout.h"

namespace echo {

// A window transformer of the codec.
struct WindowTransformerConfig {
  int64_t num_layers = 0;
  int64_t width = 0;
  int64_t num_heads = 0;
  int64_t intermediate_size = 0;

  bool operator==(const WindowTransformerConfig&) const = default;
};

struct S1DacConfig {
  int64_t encoder_dim = 0;             // channels after the first convolution; each block doubles
  std::vector<int64_t> encoder_rates;  // strides of the encoder's blocks
  // At the end of each encoder block; num_layers 0 where there is none.
  std::vector<WindowTransformerConfig> encoder_transformers;
  int64_t latent_dim = 0;
  int64_t decoder_dim = 0;  // channels after the first convolution; each block halves them
  std::vector<int64_t> decoder_rates;
  std::vector<int64_t> downsample_factors;  // of the quantizer; upsampling is in reverse order
  WindowTransformerConfig pre_module;       // before the codebooks
  WindowTransformerConfig post_module;      // after them
  int64_t semantic_codebook_size = 0;
  int64_t num_codebooks = 0;  // residual ones, without the semantic one
  int64_t codebook_size = 0;
  int64_t codebook_dim = 0;

  // Samples of audio in one latent frame.
  int64_t frame_samples() const;
  bool operator==(const S1DacConfig&) const = default;
};

// What the checkpoint does not tell.
inline constexpr int64_t kDacHeadDim = 64;
inline constexpr int64_t kDacEncoderWindow = 512;    // keys that a query of the encoder sees
inline constexpr int64_t kDacQuantizerWindow = 128;  // the same in pre_module and post_module
inline constexpr float kConvNextNormEps = 1e-6f;     // LayerNorm of the ConvNeXt blocks

// Reads all sizes off the tensors' shapes (a rate is half of its convolution's kernel). When it
// returns, the checkpoint has every tensor of s1_dac_layout() in its shape; the buffers freqs_cis
// and causal_mask are ignored. Errors: kCorrupt, listing everything that is missing or misshapen.
S1DacConfig infer_s1_dac_config(const Weights& root);

// Every tensor of such a codec, named as published, without the buffers.
std::vector<TensorSpec> s1_dac_layout(const S1DacConfig& config);

}  // namespace echo
