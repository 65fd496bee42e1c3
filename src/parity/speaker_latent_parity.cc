#include "parity/speaker_latent_parity.h"

#include <algorithm>

#include "models/speaker_latent.h"
#include "parity/recorded_inputs.h"

namespace echo::parity {
namespace {

using nlohmann::json;

constexpr const char* kLatentRow = "speaker latents";
constexpr const char* kMaskRow = "speaker latents: valid frames";
constexpr int64_t kMaxSpeakerSamples = int64_t{1} << 30;

}  // namespace

// The published code encodes whole chunks, padded with zeros, and with pad_to_max keeps all of
// their frames and pads the result with zeros. Masked frames are never used, so speaker_latent()
// does not make them: here the audio is padded instead.
void check_speaker_latents(const GoldenSet& set, const Codec& codec, Report& report) {
  const int64_t hop = codec.samples_per_frame();
  for (const auto& item : set.manifest().at("speaker_latent").items()) {
    const std::string prefix = "speaker_latent/" + item.key() + ".";
    const json& entry = item.value();
    report.attempt(kLatentRow, prefix + "latent", [&] {
      const json& arguments = entry.at("kwargs");
      const int64_t chunk = integer_of(arguments, "audio_chunk_size", 1, kMaxSpeakerSamples);
      if (chunk % hop != 0) {
        report.leave_out(prefix + "latent", "chunks here are whole frames");
        return;
      }
      const bool padded = arguments.value("pad_to_max", false);
      SpeakerLatentOptions options;
      options.chunk_frames = chunk / hop;
      options.max_frames = integer_or(arguments, "max_speaker_latent_length", 0, options.max_frames,
                                      options.max_frames);
      if (arguments.contains("divis_by_patch_size")) {
        options.patch = integer_or(arguments, "divis_by_patch_size", 1, options.max_frames + 1, 1);
      }
      const int64_t max_frames = options.max_frames;

      std::vector<float> audio =
          finite_floats(set, "speaker_latent/audio." + entry.at("audio").get<std::string>());
      // Of the recording itself, before it is padded.
      const int64_t frames = std::min(static_cast<int64_t>(audio.size()) / hop, max_frames);
      const int64_t whole_patches = frames - frames % options.patch;
      if (padded) {
        audio.resize(std::min(audio.size(), static_cast<size_t>(max_frames * hop)));
        const auto size = static_cast<size_t>(chunk);
        audio.resize((audio.size() + size - 1) / size * size);
        options.max_frames = static_cast<int64_t>(audio.size()) / hop;
      }
      const Tensor latent = speaker_latent(codec, audio, options);
      std::vector<float> values = latent.to_host();
      if (padded) {
        values.resize(std::max(values.size(), static_cast<size_t>(max_frames * latent.cols())));
      }
      report.compare(kLatentRow, set, prefix + "latent", values);
      const int64_t recorded = valid_frames(set, prefix + "mask");
      report.add(kMaskRow, prefix + "mask",
                 recorded == (padded ? frames : whole_patches) &&
                     (padded || latent.rows() == whole_patches));
    });
  }
}

}  // namespace echo::parity
