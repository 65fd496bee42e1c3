// The codec as the rest of the program uses it: samples to latents, latents to samples.
#pragma once

#include <span>
#include <vector>

#include "models/dac_decoder.h"
#include "models/dac_encoder.h"
#include "models/pca.h"
#include "models/quantizer.h"

namespace echo {

// How much runs at a time; changes memory and speed, not the result.
struct CodecTiles {
  int64_t encode_frames = 16;
  int64_t decode_frames = 16;
  // Bytes of what a block of the decoder makes that are worth cutting its input for, so that the
  // next block finds them in the cache; 0: never.
  int64_t decode_cache_bytes = int64_t{2} << 20;

  // Few frames stay in a processor's cache; a GPU, which pays for each kernel's start, gets more.
  static CodecTiles of(const Backend& backend);
};

// Fish S1-DAC and the PCA. Audio is mono, 44,100 Hz, in [-1, 1]; a latent frame stands for
// samples_per_frame() samples (2,048). Const after construction; one thread at a time, as the
// backend demands.
//
// Everything is causal: a latent frame depends on its own samples and those before, a sample on its
// own frame and those before. So encoding only the samples of the frames that are kept, and
// decoding only those frames, gives what the whole would give there.
class Codec {
 public:
  // dac: the root of the checkpoint. Errors: kCorrupt, listing all that is missing or misshapen.
  Codec(const LayerContext& context, const Weights& dac, const PcaState& pca)
      : Codec(context, dac, pca, CodecTiles::of(context.backend)) {}
  Codec(const LayerContext& context, const Weights& dac, const PcaState& pca,
        const CodecTiles& tiles);

  Backend& backend() const { return backend_; }
  int64_t samples_per_frame() const { return encoder_.hop() * quantizer_.reduction(); }
  int64_t latent_size() const { return pca_.latent_size(); }

  struct Encoding {
    Tensor latent;  // (frames, latent_size) float32
    Tensor z_q;     // (frames, C) float32
    Tensor codes;   // (frames, codebooks) int32
  };
  // One sequence; a last partial frame is filled with zeros. Errors: kCancelled; kInvalidArgument
  // for no samples, or more than Quantizer::kMaxFrames.
  Encoding encode(std::span<const float> samples, const CodecHooks& hooks = {}) const;

  // One sequence of latents (frames, latent_size) float32. Errors as Decoder::push.
  std::vector<float> decode(const Tensor& latent, const CodecHooks& hooks = {}) const;

  // Decodes one sequence piece by piece: the pieces' samples, one after the other, are those of the
  // whole. A copy goes on from where it was made, whatever becomes of the original. Must not outlive
  // the codec. An error leaves it unusable.
  class Decoder {
   public:
    explicit Decoder(const Codec& codec) : codec_(&codec) {}
    // The next frames (N, latent_size) float32 -> N * samples_per_frame samples. Errors:
    // kCancelled; kInvalidArgument for another width, or past Quantizer::kMaxFrames in all.
    std::vector<float> push(const Tensor& latent, const CodecHooks& hooks = {});
    // The same from z_q (N, C), without the PCA.
    std::vector<float> push_z_q(const Tensor& z_q, const CodecHooks& hooks = {});

   private:
    const Codec* codec_;
    Quantizer::State quantizer_;
    DacDecoder::State decoder_;
  };

  const Pca& pca() const { return pca_; }
  const Quantizer& quantizer() const { return quantizer_; }

 private:
  Backend& backend_;
  Pca pca_;
  Quantizer quantizer_;
  DacEncoder encoder_;
  DacDecoder decoder_;
};

}  // namespace echo
