// EchoDiT: the diffusion transformer that turns noise into speech latents, given text and a voice.
//
// Axes: N rows (the frames of all sequences, stacked), S frames of one sequence, T tokens or
// patches, C width, H heads, D head width, L layers. Latents have 80 channels, 21.5 frames a
// second.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/limits.h"
#include "models/transformer.h"

namespace echo {

// Keys and values of one conditioning sequence, for every layer of the DiT.
struct KeyValueCache {
  std::vector<KeyValueSection> layers;
  int64_t rows() const { return layers.empty() ? 0 : layers[0].k.rows(); }
  size_t bytes() const;
};

// One sequence of a forward pass. A condition without a cache is masked.
struct DitSequence {
  int64_t rows = 0;       // S
  int64_t start_pos = 0;  // frames before the first: positions and visible latent prefix
  const KeyValueCache* text = nullptr;
  const KeyValueCache* speaker = nullptr;
  const KeyValueCache* latent = nullptr;
  // Multiplies the speaker's keys and values in the first layers.
  float speaker_scale = 1.0f;
  int64_t speaker_scaled_layers = std::numeric_limits<int64_t>::max();
};

// Joint attention: its own frames, and the conditions' keys and values.
struct JointAttention {
  JointAttention(const LayerContext& context, const Weights& w);
  // Keys and values of a condition's state (T, Cc). Keys get k_norm; with `rotary`, the first half
  // of the heads is rotated at positions 0, step, 2 step, ...
  KeyValueSection condition(const LinearGroup& wk_wv, const Tensor& state, const Tensor* rotary,
                            int64_t step) const;
  // y (N, C) -> (N, C) float32.
  Tensor operator()(const Tensor& y, const Tensor& rotary, const Sequences& sequences,
                    std::span<const Sections> sections) const;

  AttentionProjections self;
  LinearGroup wk_wv_text, wk_wv_speaker;
};

// Adaptive layer norm: shift, scale and gate from the timestep, each refined at low rank.
struct LowRankAdaLn {
  LowRankAdaLn(const LayerContext& context, const Weights& w);
  // c (n, 3C) float32 -> writes shift, scale and tanh(gate) side by side to out (n, 3C).
  void operator()(const Tensor& c, const Tensor& out) const;

  Linear shift_down, shift_up, scale_down, scale_up, gate_down, gate_up;
};

struct DitBlock {
  // A quantized type is not for the adaptive norms: they are computed once for all.
  DitBlock(const LayerContext& context, const Weights& w);

  // One layer, in place on the float32 residual stream h (N, C). table: the six tensors of this
  // layer that modulation() gives, in its order. Stages, after `stage`: "attention_adaln.x_norm",
  // "attention_adaln.gate", "attention", the same three of "mlp", "out".
  void operator()(const Tensor& h, std::span<const Tensor> table, const Tensor& rotary,
                  const Sequences& sequences, std::span<const Sections> sections,
                  const std::string& stage = {}, const Probe& probe = {}) const;

  JointAttention attention;
  Mlp mlp;
  LowRankAdaLn attention_adaln, mlp_adaln;
  DType precision;
};

// What only blockwise generation needs: the encoder of the latents before a block, and what makes
// keys and values of them for each block of the DiT.
struct LatentPrefix {
  LatentPrefix(const LayerContext& context, const Weights& w, int64_t quantized_blocks);

  Encoder encoder;
  Linear in_proj;
  Tensor norm;
  std::vector<LinearGroup> wk_wv;
};

// The model, which never changes after its construction. Its passes go through a DitSession. One
// thread at a time (the backend's rule).
class EchoDit {
 public:
  // w: the checkpoint's root, whose layout has been checked. With `blockwise` its file stays open,
  // and the tensors that only blockwise generation needs, a tenth of it, are read when they are
  // first used. A quantized type of the context is that of the encoders and of all blocks but the
  // last `wide_blocks`, whose activations have outliers.
  EchoDit(const LayerContext& context, const Weights& w, bool blockwise, int64_t wide_blocks = 0);

  int64_t latent_size() const { return out_proj_.out(); }
  int64_t layers() const { return static_cast<int64_t>(blocks_.size()); }
  int64_t patch() const { return patch_; }
  bool blockwise() const { return blockwise_.has_value(); }
  Backend& backend() const { return backend_; }

  // Returns the text's keys and values. ids: at most kMaxTextRows. Stages: "embedding", "block0"...
  KeyValueCache encode_text(std::span<const int32_t> ids, const Probe& probe = {}) const;
  // Returns the voice's. latent (T, 80) float32, T a multiple of patch(). Only the patches that
  // begin within the first `valid_frames` frames become keys. Stages: "in_proj", "block0", ...,
  // "state".
  KeyValueCache encode_speaker(const Tensor& latent, int64_t valid_frames,
                               const Probe& probe = {}) const;
  // Returns all that depends on the timestep alone, a row for each t: (n, L * 6 * C) float32, for
  // each layer shift, scale, tanh(gate) of the attention, then of the MLP. Stages: "embedding",
  // "cond_embed".
  Tensor modulation(std::span<const float> t, const Probe& probe = {}) const;

 private:
  friend class DitSession;

  KeyValueCache patches_to_cache(const Tensor& latent, int64_t rows, const Linear& in_proj,
                                 const Encoder& encoder, const Tensor& norm,
                                 const LatentPrefix* prefix, const Probe& probe) const;
  // Reads the tensors of blockwise generation; kInternal unless blockwise().
  std::unique_ptr<LatentPrefix> read_latent_prefix() const;
  Sections sections_of(const DitSequence& sequence, int64_t layer) const;
  // What compute() depends on beside x and the modulation.
  WorkKey key_of(std::span<const DitSequence> sequences) const;
  Tensor compute(const Tensor& x, const Tensor& modulation, std::span<const DitSequence> sequences,
                 const Probe& probe) const;

  LayerContext context_;
  Backend& backend_;
  DType precision_;
  std::optional<Weights> blockwise_;  // where the latent prefix is read from
  int64_t quantized_blocks_ = 0;
  int64_t patch_;
  Tensor text_embedding_;  // (256, C) float32
  Encoder text_encoder_, speaker_encoder_;
  Linear speaker_in_proj_;
  Tensor text_norm_, speaker_norm_;
  Linear cond_module_0_, cond_module_2_, cond_module_4_;
  Linear in_proj_;
  std::vector<DitBlock> blocks_;
  Tensor out_norm_;
  Linear out_proj_;
  Tensor rotary_;
};

// A model in use: the recordings of its passes (a CUDA graph for each shape that comes again) and
// the tensors of blockwise generation, read when they are first needed. One thread at a time.
//
//   DitSession session(dit);
//   const Tensor v = session.forward(x, dit.modulation(t), sequences);
class DitSession {
 public:
  // `dit` must outlive the session.
  explicit DitSession(const EchoDit& dit);

  const EchoDit& dit() const { return dit_; }

  // Returns keys and values of what was generated before the next block: latent (T, 80), T a
  // multiple of patch(). Throws kInternal unless the model is blockwise().
  KeyValueCache encode_latent_prefix(const Tensor& latent, const Probe& probe = {});

  // Returns the velocity v (N, 80) float32. x (N, 80) float32, the sequences stacked; modulation: a
  // row for each sequence, or one for all. Throws kInvalidArgument for more than kMaxLatentFrames
  // frames. Stages: "in_proj", those of DitBlock after "block0.", ..., "out_norm".
  Tensor forward(const Tensor& x, const Tensor& modulation, std::span<const DitSequence> sequences,
                 const Probe& probe = {});

 private:
  const EchoDit& dit_;
  std::unique_ptr<RepeatedWork> steps_;
  std::unique_ptr<LatentPrefix> prefix_;  // once it was used
};

}  // namespace echo
