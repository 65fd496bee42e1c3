#include "engine/engine_core.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "audio/silence.h"
#include "base/error.h"
#include "base/utf8.h"
#include "checkpoint/echo_dit_layout.h"
#include "checkpoint/s1_dac_layout.h"
#include "engine/model_identity.h"
#include "engine/model_pack.h"
#include "engine/quality_judge.h"
#include "engine/strand.h"
#include "engine/window.h"
#include "models/pca_state.h"
#include "nn/read_ahead.h"

namespace echo {
namespace {

LayerContext codec_context(Backend& backend, Precision wanted, const TensorView& sample) {
  if (wanted == Precision::kInt8 || wanted == Precision::kFloat8) {
    throw_invalid("codec precision: found an 8-bit one, expected auto, float32 or bf16");
  }
  return layer_context(backend, wanted, sample);
}

PlanDevice plan_device(const Backend& backend) {
  constexpr int64_t kMaxOnGpu = 8;  // what a GPU gains from is measured when the weights are there
  PlanDevice device;
  device.name = backend.name();
  device.memory_bytes = backend.memory_limit();
  device.batch_width = device.name == "cpu" ? backend.batch_width() : kMaxOnGpu;
  device.bfloat16 = backend.compute_dtype(DType::kBFloat16) == DType::kBFloat16;
  device.int8 = backend.packs(DType::kInt8);
  return device;
}

PlanRequest plan_request(const EngineOptions& options) {
  PlanRequest request;
  request.precision = options.precision;
  request.codec_precision = options.codec_precision;
  request.batch_width = options.device.batch_width;
  request.voice_cache_bytes = options.voice_cache_bytes;
  request.schedule_cache_bytes = options.schedule_cache_bytes;
  request.memory_bytes = options.memory_bytes;
  return request;
}

// How many blocks stay wide in int8: as a packed file says, or as is wanted.
int64_t wide_blocks_of(const Weights& dit, const EngineOptions& options) {
  const auto& metadata = dit.file().metadata();
  const auto packed = metadata.find(std::string(kWideBlocksKey));
  if (!is_pack(dit.file()) || packed == metadata.end()) return options.wide_blocks;
  int64_t blocks = 0;
  const std::string& text = packed->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), blocks);
  if (error != std::errc() || end != text.data() + text.size() || blocks < 0) {
    throw_corrupt(dit.file().path() + ": found " + quoted_name(text) + " " +
                  std::string(kWideBlocksKey) + ", expected a number");
  }
  return blocks;
}

// A tensor whose type stands for the checkpoint's.
const TensorView& dit_sample(const Weights& dit) { return dit.tensor("in_proj.weight"); }
const TensorView& codec_sample(const Weights& codec) {
  return codec.tensor("quantizer.semantic_quantizer.quantizers.0.codebook.weight");
}

}  // namespace

// Open and checked, and read ahead.
struct EngineCore::Checkpoints {
  explicit Checkpoints(const EngineOptions& options)
      : Checkpoints(options, open_model(options.files)) {}
  Checkpoints(const EngineOptions& options, const ModelWeights& model)
      : dit(model.dit),
        codec(model.codec),
        pca(model.pca),
        config(infer_echo_dit_config(dit)),
        codec_config(infer_s1_dac_config(codec)),
        wide_blocks(wide_blocks_of(dit, options)),
        read_ahead(needed(), is_pack(dit.file()) ? ReadInto::kProcess : ReadInto::kPageCache) {
    if (options.stage_done) options.stage_done("map");
  }
  uint64_t file_bytes() const {
    uint64_t bytes = 0;
    for (const SafetensorsFile* file : std::set{&dit.file(), &codec.file(), &pca.file()}) {
      bytes += file->bytes();
    }
    return bytes;
  }

  Weights dit, codec, pca;
  EchoDitConfig config;
  S1DacConfig codec_config;
  int64_t wide_blocks;
  ReadAhead read_ahead;  // last: its threads end before the files are closed

 private:
  std::vector<const TensorView*> needed() const {
    EchoDitConfig loaded = config;
    loaded.blockwise = false;  // read when it is used first
    std::vector<const TensorView*> tensors = tensors_of(dit, echo_dit_layout(loaded));
    for (const TensorView* tensor : tensors_of(codec, s1_dac_layout(codec_config))) {
      tensors.push_back(tensor);
    }
    return tensors;
  }
};

// What was packed for bfloat16 keeps float32 where it must, so its sample does not tell.
PlanModel EngineCore::plan_model(const Checkpoints& checkpoints) {
  PlanModel model =
      echo::plan_model(checkpoints.config, checkpoints.codec_config, checkpoints.wide_blocks);
  model.dit_bfloat16 = dit_sample(checkpoints.dit).dtype == FileDType::kBFloat16;
  model.dit_int8 = is_pack(checkpoints.dit.file()) &&
                   checkpoints.dit.file().metadata().contains(std::string(kWideBlocksKey));
  const auto& metadata = checkpoints.codec.file().metadata();
  const auto packed = metadata.find(std::string(kCodecPrecisionKey));
  model.codec_bfloat16 = packed != metadata.end()
                             ? packed->second == "bfloat16"
                             : codec_sample(checkpoints.codec).dtype == FileDType::kBFloat16;
  return model;
}

EngineCore::EngineCore(const EngineOptions& options)
    : EngineCore(options, std::make_unique<Checkpoints>(options)) {
  if (options.stage_done) options.stage_done("load");
}

EngineCore::~EngineCore() = default;

EngineCore::EngineCore(const EngineOptions& options, std::unique_ptr<Checkpoints> opened)
    : checkpoints_(std::move(opened)),
      max_text_chars_(options.max_text_chars),
      file_bytes_(checkpoints_->file_bytes()),
      read_bytes_(checkpoints_->read_ahead.bytes()),
      backend_(make_device(options.device)),
      plan_(make_plan(plan_device(*backend_), plan_model(*checkpoints_), plan_request(options))),
      context_(layer_context(*backend_, plan_.precision, dit_sample(checkpoints_->dit))),
      codec_context_(
          codec_context(*backend_, plan_.codec_precision, codec_sample(checkpoints_->codec))),
      dit_(context_, checkpoints_->dit, options.blockwise && checkpoints_->config.blockwise,
           checkpoints_->wide_blocks),
      codec_(codec_context_, checkpoints_->codec, read_pca_state(checkpoints_->pca)),
      modulations_(dit_, dit_sample(checkpoints_->dit).dtype == FileDType::kBFloat16,
                   plan_.schedule_cache_bytes),
      voices_(plan_.voice_cache_bytes),
      voice_store_(options.voice_store,
                   options.voice_store.empty() ? std::string()
                                               : model_identity(checkpoints_->codec) + " " +
                                                     model_identity(checkpoints_->pca) + " " +
                                                     precision_text(codec_context_) + " " +
                                                     std::to_string(options.speaker_chunk_frames),
                   codec_.latent_size(), options.voice_store_bytes),
      models_{*backend_,
              session_,
              codec_,
              voices_,
              voice_store_,
              options.noise,
              {.chunk_frames = options.speaker_chunk_frames, .patch = dit_.patch()},
              std::min(plan_.batch_width, backend_->batch_width()),
              &pace_} {
  // What is used where it lies must be there before the first step.
  if (is_pack(checkpoints_->dit.file())) checkpoints_->read_ahead.wait();
  if (codec_.latent_size() != dit_.latent_size()) {
    throw_corrupt("model: the codec has latents of " + std::to_string(codec_.latent_size()) +
                  " values, the transformer of " + std::to_string(dit_.latent_size()) +
                  ": they do not belong together");
  }
  // A processor's backend packs matrices when they are used; any other has packed all of them.
  if (backend_->name() != "cpu") checkpoints_.reset();
}

EngineInfo EngineCore::info() const {
  EngineInfo info;
  info.device = backend_->name();
  info.precision = precision_text(context_);
  info.codec_precision = precision_text(codec_context_);
  info.noise = noise_kind_name(models_.noise);
  info.blockwise = dit_.blockwise();
  info.file_bytes = file_bytes_;
  info.read_bytes = read_bytes_;
  info.batch_width = models_.batch_width;
  info.plan = plan_.reasons;
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
  check_text_length(request.text, max_text_chars_);
  if (request.parameters.continuity != Continuity::kNone) {
    if (!dit_.blockwise()) {
      throw_invalid("continuity: found " +
                    std::string(continuity_name(request.parameters.continuity)) +
                    ", expected none: this model was loaded without the weights for blockwise "
                    "generation");
    }
  }
  PlannedText plan =
      request.plan ? *request.plan : plan_text(request.text, text_options_of(request.parameters));
  prepared.chunks = std::move(plan.chunks);
  prepared.leading_pause_seconds = plan.leading_pause_seconds;
  prepared.warnings = parameter_warnings(request.parameters);
  for (std::string& warning : plan.warnings) prepared.warnings.push_back(std::move(warning));
  prepared.judge = request.judge ? std::move(request.judge) : make_quality_judge();
  if (request.parameters.force_speaker && !request.voice) {
    prepared.warnings.push_back("force_speaker has no effect without a voice");
  }
  if (plan.speakers > 1 && request.voice) {
    prepared.warnings.push_back(
        "the second speaker has no reference of its own: both speak with the one voice");
  }
  apply_force_speaker(request.parameters);
  prepared.parameters = std::move(request.parameters);
  prepared.delivery = request.delivery;
  prepared.deadline = request.deadline;
  prepared.first_sound_seconds = request.first_sound_seconds;
  const bool strands = prepared.parameters.continuity != Continuity::kNone;
  if (strands && prepared.chunks.size() > 1 && !prepared.parameters.speaker_scale_chosen &&
      prepared.parameters.cfg_scale_speaker == SamplerParameters().cfg_scale_speaker) {
    prepared.parameters.cfg_scale_speaker = kStrandSpeakerScale;
  }
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
    if (const auto print = voice_store_.load(print_key(voice.key))) {
      prepared.voice_print = print_of(*print);
    }
    return;
  }
  prepared.voice_samples = voice.load();
  const size_t bad = find_non_finite(prepared.voice_samples);
  if (bad != prepared.voice_samples.size()) {
    throw_invalid("voice: sample " + std::to_string(bad) + " is not a finite number");
  }
}

}  // namespace echo
