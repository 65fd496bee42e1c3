#include "parity/pipeline_parity.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "engine/engine.h"
#include "engine/flattening.h"
#include "parity/recorded_inputs.h"
#include "text/normalize.h"
#include "text/plan.h"
#include "text/tokens.h"

namespace echo::parity {
namespace {

using nlohmann::json;

constexpr const char* kCaseRow = "pipeline: generations";
constexpr const char* kJobRow = "pipeline: requests in chunks";
constexpr const char* kPlanRow = "pipeline: chunks and seeds";
// The handler's jobs name a file; it held this recording.
constexpr const char* kJobVoice = "ragged";
constexpr uint64_t kSeedStep = 1000;  // between the chunks of a job

std::unique_ptr<Engine> load_engine(const GoldenSet& set, const DeviceOptions& device,
                                    int64_t frame_samples) {
  EngineOptions options;
  options.files = {set.folder() / "dit.safetensors", set.folder() / "dac.safetensors",
                   set.folder() / "pca_state.safetensors"};
  options.device = device;
  options.precision = options.codec_precision = Precision::kFloat32;
  options.noise = NoiseKind::kCpu;
  const json& pipeline = set.manifest().at("pipeline");
  const int64_t chunk = integer_or(pipeline, "audio_chunk_size", frame_samples,
                                   int64_t{kMaxSpeakerFrames} * frame_samples,
                                   options.speaker_chunk_frames * frame_samples);
  if (chunk % frame_samples != 0) {
    throw_corrupt("audio_chunk_size: found " + std::to_string(chunk) + ", expected a multiple of " +
                  std::to_string(frame_samples));
  }
  options.speaker_chunk_frames = chunk / frame_samples;
  return Engine::load(options);
}

void set_parameters(const json& values, SpeechParameters& parameters) {
  for (const auto& [name, value] : values.items()) {
    if (!set_parameter(parameters, name, value.dump())) {
      throw_corrupt("parameters: there is none of the name " + quoted_name(name));
    }
  }
}

VoiceReference recorded_voice(const GoldenSet& set, const std::string& name) {
  return voice_of_samples(finite_floats(set, "speaker_latent/audio." + name));
}

// Why the program does not do what the published code did with this text, if it does not: it cuts
// a text that is too long, here such a text is refused.
std::optional<std::string> refused(const std::string& text, size_t max_tokens) {
  try {
    echo::check_text(text);
  } catch (const Error& error) {
    return std::string("refused: ") + error.what();
  }
  if (count_tokens(normalize_text(text)) > max_tokens) {
    return "the recorded text was cut at " + std::to_string(max_tokens) + " tokens";
  }
  return {};
}

// The published code pads to these lengths, which changes nothing, or cuts, which is not done here.
std::optional<std::string> cut_by(const json& extra, const std::string& text,
                                  const std::vector<float>& voice, int64_t frame_samples) {
  const auto tokens = static_cast<size_t>(integer_or(
      extra, "pad_to_max_text_length", 1, int64_t{kMaxTextTokens}, int64_t{kMaxTextTokens}));
  if (auto reason = refused(text, tokens)) return reason;
  const int64_t frames = integer_or(extra, "pad_to_max_speaker_latent_length", 0, kMaxSpeakerFrames,
                                    kMaxSpeakerFrames);
  if (static_cast<int64_t>(voice.size()) / frame_samples > frames) {
    return "the recorded voice was cut at " + std::to_string(frames) + " frames";
  }
  return {};
}

void check_case(const GoldenSet& set, Engine& engine, const json& entry, const std::string& name,
                int64_t frame_samples, Report& report) {
  SpeechRequest request;
  request.text = entry.at("text").get<std::string>();
  std::vector<float> voice;
  if (!entry.at("audio").is_null()) {
    const auto audio = entry.at("audio").get<std::string>();
    voice = finite_floats(set, "speaker_latent/audio." + audio);
    request.voice = recorded_voice(set, audio);
  }
  const json extra = entry.value("extra", json::object());
  if (const auto reason = cut_by(extra, request.text, voice, frame_samples)) {
    report.leave_out(name, *reason);
    return;
  }
  set_parameters(entry.at("params"), request.parameters);
  request.parameters.seed = entry.at("seed").get<uint64_t>();
  request.parameters.max_chars_per_chunk = 0;
  report.add("text: normalisation", name + " text",
             normalize_text(request.text) == entry.at("normalized_text").get<std::string>());
  report.compare(kCaseRow, set, name + ".audio", engine.speak(std::move(request)).samples);
}

// Latents that are given: only the frames before the flattening point are decoded.
void check_crop(const GoldenSet& set, const Codec& codec, const std::string& name, Report& report) {
  const Tensor latent = latent_of(set, name + ".latent", codec.backend());
  const int64_t kept = flattening_point(latent.to_host(), latent.cols());
  report.compare(kCaseRow, set, name + ".audio", codec.decode(latent.row_range(0, kept)));
}

void check_job(const GoldenSet& set, Engine& engine, const json& entry, const std::string& name,
               Report& report) {
  const json& job = entry.at("job");
  SpeechRequest request;
  request.text = job.at("text").get<std::string>();
  if (job.contains("speaker_voice")) request.voice = recorded_voice(set, kJobVoice);
  // A seed among the parameters goes before one beside them.
  if (job.contains("seed")) {
    set_parameter(request.parameters, "seed", job.at("seed").dump());
  }
  if (job.contains("parameters")) set_parameters(job.at("parameters"), request.parameters);
  const SpeechParameters parameters = request.parameters;

  const auto recorded = entry.at("chunks").get<std::vector<std::string>>();
  for (const std::string& chunk : recorded) {
    if (const auto reason = refused(chunk, kMaxTextTokens)) {
      report.leave_out(name, *reason);
      return;
    }
  }
  ChunkOptions chunking;
  chunking.max_chars = static_cast<size_t>(parameters.max_chars_per_chunk);
  chunking.target_duration_seconds = parameters.target_duration_seconds;
  std::vector<std::string> planned;
  for (const TextChunk& chunk : plan_chunks(request.text, chunking)) planned.push_back(chunk.text);
  report.add(kPlanRow, name + ": texts", planned == recorded);

  const SpeechResult result = engine.speak(std::move(request));
  report.compare(kJobRow, set, name + ".audio", result.samples);
  bool seeds = result.chunks.size() == recorded.size();
  for (size_t i = 0; i < result.chunks.size(); ++i) {
    seeds = seeds && result.chunks[i].seed == parameters.seed + kSeedStep * i;
  }
  report.add(kPlanRow, name + ": seeds", seeds);
}

}  // namespace

void check_pipeline(const GoldenSet& set, const DeviceOptions& device, const Codec& codec,
                    Report& report) {
  const int64_t frame_samples = codec.samples_per_frame();
  const std::unique_ptr<Engine> engine = load_engine(set, device, frame_samples);
  const json& pipeline = set.manifest().at("pipeline");
  for (const auto& item : pipeline.at("cases").items()) {
    const std::string name = "pipeline/" + item.key();
    report.attempt(kCaseRow, name, [&] {
      if (item.value().at("fake_latent").get<bool>()) {
        check_crop(set, codec, name, report);
      } else {
        check_case(set, *engine, item.value(), name, frame_samples, report);
      }
    });
  }
  for (const auto& item : pipeline.at("handler").items()) {
    const std::string name = "pipeline/handler." + item.key();
    report.attempt(kJobRow, name, [&] { check_job(set, *engine, item.value(), name, report); });
  }
}

}  // namespace echo::parity
