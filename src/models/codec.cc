#include "models/codec.h"

#include <string>

#include "base/error.h"
#include "checkpoint/s1_dac_layout.h"

namespace echo {

namespace {

// The state itself, once everything that the codec reads has been found and fits together.
const PcaState& checked(const Weights& dac, const PcaState& pca) {
  const S1DacConfig config = infer_s1_dac_config(dac);
  const std::string file = dac.file().path();
  for (size_t i = 0; i < config.encoder_transformers.size(); ++i) {
    const bool last = i + 1 == config.encoder_transformers.size();
    if ((config.encoder_transformers[i].num_layers > 0) != last) {
      throw_corrupt(file + ": expected a transformer at the end of the encoder's last block only");
    }
  }
  if (config.latent_dim != pca.width) {
    throw_corrupt(file + ": latents of " + std::to_string(config.latent_dim) +
                  " channels, the PCA state is for " + std::to_string(pca.width));
  }
  return pca;
}

}  // namespace

CodecTiles CodecTiles::of(const Backend& backend) {
  if (backend.name() == "cpu") return {};
  return {.encode_frames = 64, .decode_frames = 64, .decode_cache_bytes = 0};
}

Codec::Codec(const LayerContext& context, const Weights& dac, const PcaState& pca,
             const CodecTiles& tiles)
    : backend_(context.backend),
      pca_(context.backend, checked(dac, pca)),
      quantizer_(context, dac["quantizer"]),
      encoder_(context, dac["encoder"], tiles.encode_frames * quantizer_.reduction()),
      decoder_(context, dac["decoder"], tiles.decode_frames * quantizer_.reduction(),
               tiles.decode_cache_bytes) {}

Codec::Encoding Codec::encode(std::span<const float> samples, const CodecHooks& hooks) const {
  if (samples.empty()) throw_invalid("codec: no samples to encode");
  const int64_t hop = samples_per_frame();
  const int64_t frames = (static_cast<int64_t>(samples.size()) + hop - 1) / hop;
  if (frames > Quantizer::kMaxFrames) {
    throw_invalid("codec: " + std::to_string(frames) + " frames to encode, at most " +
                  std::to_string(Quantizer::kMaxFrames) + " are possible");
  }
  std::vector<float> padded;
  if (static_cast<int64_t>(samples.size()) < frames * hop) {
    padded.assign(samples.begin(), samples.end());
    padded.resize(static_cast<size_t>(frames * hop));
    samples = padded;
  }
  const Quantizer::Codes quantized = quantizer_.encode(encoder_(samples, hooks), hooks);
  const Encoding encoding{pca_.to_latent(quantized.z_q), quantized.z_q, quantized.codes};
  hooks.show("latent", encoding.latent);
  return encoding;
}

std::vector<float> Codec::decode(const Tensor& latent, const CodecHooks& hooks) const {
  return Decoder(*this).push(latent, hooks);
}

std::vector<float> Codec::Decoder::push(const Tensor& latent, const CodecHooks& hooks) {
  if (latent.cols() != codec_->latent_size()) {
    throw_invalid("codec: latents of " + std::to_string(latent.cols()) + " channels, " +
                  std::to_string(codec_->latent_size()) + " expected");
  }
  return push_z_q(codec_->pca_.to_z_q(latent), hooks);
}

std::vector<float> Codec::Decoder::push_z_q(const Tensor& z_q, const CodecHooks& hooks) {
  std::vector<float> samples;
  if (z_q.empty()) return samples;
  codec_->decoder_(codec_->quantizer_.decode(z_q, quantizer_, hooks), decoder_, hooks, samples);
  return samples;
}

}  // namespace echo
