// The sizes and the tensors of an EchoDiT checkpoint.
#pragma once

#include <cstdint>
#include <vector>

#include "checkpoint/tensor_layout.h"

namespace echo {

// One of the transformers that encode text, speaker and latent prefix.
struct EncoderConfig {
  int64_t num_layers = 0;
  int64_t model_size = 0;
  int64_t num_heads = 0;
  int64_t intermediate_size = 0;  // of the MLP

  int64_t head_dim() const { return model_size / num_heads; }
  bool operator==(const EncoderConfig&) const = default;
};

struct EchoDitConfig {
  int64_t latent_size = 0;
  int64_t model_size = 0;
  int64_t num_layers = 0;
  int64_t num_heads = 0;
  int64_t intermediate_size = 0;
  int64_t text_vocab_size = 0;
  EncoderConfig text;
  EncoderConfig speaker;           // the latent encoder's too
  int64_t speaker_patch_size = 0;  // latent frames in one position of the speaker encoder
  int64_t timestep_embed_size = 0;
  int64_t adaln_rank = 0;
  bool blockwise = false;  // whether the tensors for blockwise generation are there

  int64_t head_dim() const { return model_size / num_heads; }
  bool operator==(const EchoDitConfig&) const = default;
};

// Of every RMSNorm; not stored in the checkpoint.

// Reads all sizes off the tensors' shapes. When it returns, the checkpoint has every tensor of
// echo_dit_layout() in its shape. The blockwise tensors may be absent, but only all together.
// Errors: kCorrupt, listing everything that is missing or misshapen.
EchoDitConfig infer_echo_dit_config(const Weights& root);

// Every tensor of such a model, named as published.
std::vector<TensorSpec> echo_dit_layout(const EchoDitConfig& config);

}  // namespace echo
