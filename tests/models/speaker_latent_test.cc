#include <gtest/gtest.h>

#include "base/error.h"
#include "cpu/cpu_backend.h"
#include "models/speaker_latent.h"
#include "support/golden.h"

namespace echo {
namespace {

Backend& backend() {
  static const std::unique_ptr<Backend> instance = cpu::make_cpu_backend();
  return *instance;
}

const Codec& tiny_codec() {
  static const Codec codec({backend(), DType::kFloat32}, Weights(golden("tiny").file("dac")),
                           read_pca_state(Weights(golden("tiny").file("pca_state"))));
  return codec;
}

// The published code encodes whole chunks, padded with zeros, and with pad_to_max keeps all of
// their frames and pads the result with zeros. Masked frames are never used, so speaker_latent()
// does not make them: here the audio is padded instead.
TEST(GoldenSpeakerLatent, EveryCase) {
  const GoldenSet& set = golden("tiny");
  for (const auto& [name, parameters] : set.manifest()["speaker_latent"].items()) {
    SCOPED_TRACE(name);
    const nlohmann::json& arguments = parameters["kwargs"];
    const int64_t chunk = arguments["audio_chunk_size"].get<int64_t>();
    const bool padded = arguments.value("pad_to_max", false);
    SpeakerLatentOptions options{.chunk_frames = chunk / 2048};
    options.max_frames = arguments.value("max_speaker_latent_length", options.max_frames);
    if (arguments.contains("divis_by_patch_size")) {
      const nlohmann::json& patch = arguments["divis_by_patch_size"];
      options.patch = patch.is_null() ? 1 : patch.get<int64_t>();
    }

    std::vector<float> audio =
        set.floats("speaker_latent/audio." + parameters["audio"].get<std::string>());
    const std::vector<uint8_t> mask = set.bools("speaker_latent/" + name + ".mask");
    const std::vector<float> expected = set.floats("speaker_latent/" + name + ".latent");
    const auto valid = std::count(mask.begin(), mask.end(), 1);
    const int64_t max_frames = options.max_frames;
    if (padded) {
      audio.resize(std::min(audio.size(), static_cast<size_t>(options.max_frames) * 2048));
      const auto size = static_cast<size_t>(chunk);
      audio.resize((audio.size() + size - 1) / size * size);
      options.max_frames = static_cast<int64_t>(audio.size()) / 2048;
    }
    const Tensor latent = speaker_latent(tiny_codec(), audio, options);
    std::vector<float> values = latent.to_host();
    if (padded) {
      values.resize(std::max(values.size(), static_cast<size_t>(max_frames) * 80));
      EXPECT_GE(latent.rows(), valid);
    } else {
      EXPECT_EQ(latent.rows(), valid);
    }
    ASSERT_EQ(values.size(), expected.size());
    if (expected.empty()) continue;
    EXPECT_TRUE(near_golden(set, "speaker_latent/" + name + ".latent", values));
  }
}

TEST(SpeakerLatent, CutsToWholeFramesThenPatches) {
  const std::vector<float> audio(7 * 2048 + 2047);
  EXPECT_EQ(speaker_latent(tiny_codec(), audio, {.patch = 1}).rows(), 7);
  EXPECT_EQ(speaker_latent(tiny_codec(), audio).rows(), 4);
  EXPECT_EQ(speaker_latent(tiny_codec(), audio, {.max_frames = 3, .patch = 1}).rows(), 3);
  EXPECT_EQ(speaker_latent(tiny_codec(), std::span(audio).first(4 * 2048 - 1)).rows(), 0);
  EXPECT_EQ(speaker_latent(tiny_codec(), {}).cols(), 80);
}

TEST(SpeakerLatent, StopsWhenCancelled) {
  const std::vector<float> audio(4 * 2048);
  const CodecHooks hooks{.cancelled = [] { return true; }, .probe = {}};
  try {
    speaker_latent(tiny_codec(), audio, {}, hooks);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
}

}  // namespace
}  // namespace echo
