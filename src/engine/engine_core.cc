#include "engine/engine_core.h"

#include "audio/silence.h"
#include "base/error.h"
#include "engine/model_identity.h"
#include "models/echo_dit_layout.h"
#include "models/pca_state.h"
#include "models/s1_dac_layout.h"
#include "text/utf8.h"

namespace echo {
namespace {

LayerContext codec_context(Backend& backend, Precision wanted, const TensorView& sample) {
  if (wanted == Precision::kInt8 || wanted == Precision::kFloat8) {
    throw_invalid("codec precision: found an 8-bit one, expected auto, float32 or bf16");
  }
  return layer_context(backend, wanted, sample);
}

// A tensor whose type stands for the checkpoint's.
const TensorView& dit_sample(const Weights& dit) { return dit.tensor("in_proj.weight"); }
const TensorView& codec_sample(const Weights& codec) {
  return codec.tensor("quantizer.semantic_quantizer.quantizers.0.codebook.weight");
}

}  // namespace

// Open and checked; closed when the weights have been packed.
struct EngineCore::Checkpoints {
  explicit Checkpoints(const ModelFiles& files)
      : dit(Weights::open(files.dit)),
        codec(Weights::open(files.codec)),
        pca(Weights::open(files.pca)),
        config(infer_echo_dit_config(dit)) {
    infer_s1_dac_config(codec);
  }
  Weights dit, codec, pca;
  EchoDitConfig config;
};

EngineCore::EngineCore(const EngineOptions& options)
    : EngineCore(options, Checkpoints(options.files)) {}

EngineCore::EngineCore(const EngineOptions& options, const Checkpoints& checkpoints)
    : max_text_chars_(options.max_text_chars),
      backend_(make_device(options.device)),
      context_(layer_context(*backend_, options.precision, dit_sample(checkpoints.dit))),
      codec_context_(
          codec_context(*backend_, options.codec_precision, codec_sample(checkpoints.codec))),
      dit_(context_, checkpoints.dit, options.blockwise && checkpoints.config.blockwise,
           options.wide_blocks),
      codec_(codec_context_, checkpoints.codec, read_pca_state(checkpoints.pca)),
      modulations_(dit_, dit_sample(checkpoints.dit).dtype == FileDType::kBFloat16),
      voices_(options.voice_cache_bytes),
      voice_store_(options.voice_store,
                   model_identity(checkpoints.codec) + " " + model_identity(checkpoints.pca) + " " +
                       precision_text(codec_context_) + " " +
                       std::to_string(options.speaker_chunk_frames),
                   codec_.latent_size(), options.voice_store_bytes),
      models_{*backend_,
              dit_,
              codec_,
              voices_,
              voice_store_,
              options.noise,
              {.chunk_frames = options.speaker_chunk_frames, .patch = dit_.patch()}} {
  if (codec_.latent_size() != dit_.latent_size()) {
    throw_corrupt("model: the autoencoder has latents of " + std::to_string(codec_.latent_size()) +
                  " values, the transformer of " + std::to_string(dit_.latent_size()) +
                  ": they do not belong together");
  }
}

EngineInfo EngineCore::info() const {
  EngineInfo info;
  info.device = backend_->name();
  info.precision = precision_text(context_);
  info.codec_precision = precision_text(codec_context_);
  info.noise = noise_kind_name(models_.noise);
  info.blockwise = dit_.blockwise();
  info.batch_width = backend_->batch_width();
  return info;
}

PreparedSpeech EngineCore::prepare(SpeechRequest request) const {
  PreparedSpeech prepared;
  prepared.submitted = std::chrono::steady_clock::now();
  validate(request.parameters);
  if (request.parameters.block_sizes.size() > 1 && !dit_.blockwise()) {
    throw_invalid("block_sizes: found " + std::to_string(request.parameters.block_sizes.size()) +
                  " blocks, expected at most one: this model was loaded without the weights for "
                  "blockwise generation");
  }
  const auto limit = static_cast<size_t>(max_text_chars_);
  if (request.text.size() > 4 * limit || count_code_points(request.text) > limit) {
    throw_invalid("text: found more than " + std::to_string(limit) +
                  " characters, which is the most that one request may have");
  }
  ChunkOptions chunking;
  chunking.max_chars = static_cast<size_t>(request.parameters.max_chars_per_chunk);
  chunking.target_duration_seconds = request.parameters.target_duration_seconds;
  prepared.chunks = plan_chunks(request.text, chunking);
  prepared.warnings = parameter_warnings(request.parameters);
  prepared.parameters = std::move(request.parameters);
  if (request.voice) prepare_voice(*request.voice, prepared);
  return prepared;
}

void EngineCore::prepare_voice(const VoiceReference& voice, PreparedSpeech& prepared) const {
  if (voice.key.empty()) throw_invalid("voice: its key is empty, expected a name of its content");
  prepared.has_voice = true;
  prepared.voice_key = voice.key;
  prepared.voice = models_.voices.find(voice.key);
  if (prepared.voice) return;
  if (auto latents = voice_store_.load(voice.key)) {
    prepared.voice_latents = std::move(*latents);
    return;
  }
  prepared.voice_samples = voice.load();
  const size_t bad = find_non_finite(prepared.voice_samples);
  if (bad != prepared.voice_samples.size()) {
    throw_invalid("voice: sample " + std::to_string(bad) + " is not a finite number");
  }
}

}  // namespace echo
