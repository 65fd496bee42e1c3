// Loading and joining of audio against the results of the published code.
#include <gtest/gtest.h>

#include "audio/join.h"
#include "audio/sounds.h"
#include "audio/voice.h"
#include "support/golden.h"

namespace echo {
namespace {

TEST(GoldenLoadAudio, WholePathFromAFileOfFloats) {
  const GoldenSet& set = golden("tiny");
  const auto& cases = set.manifest().at("load_audio");
  ASSERT_GE(cases.size(), 10U);
  for (const auto& c : cases) {
    const std::string name = c.at("name");
    SCOPED_TRACE(name);
    const std::string wav =
        float_wav(set.floats("load_audio/" + name + ".in"), c.at("channels"), c.at("sample_rate"));
    const Voice voice = load_voice_bytes(wav, name + ".wav");
    EXPECT_TRUE(near_golden(set, "load_audio/" + name + ".out", voice.samples));
    DecodedAudio decoded;
    decoded.samples = mix_to_mono(set.floats("load_audio/" + name + ".in"), c.at("channels"));
    decoded.sample_rate = c.at("sample_rate");
    EXPECT_EQ(prepare_voice(decoded).samples, voice.samples);
  }
}

// The recorded results were computed in float32 too; only the order of two products may differ.
constexpr float kOneRounding = 6e-8F;

TEST(GoldenJoin, CrossfadeAndBoundaries) {
  const GoldenSet& set = golden("tiny");
  const auto& cases = set.manifest().at("audio_post");
  ASSERT_GE(cases.size(), 16U);
  for (const auto& c : cases) {
    const std::string name = c.at("name");
    SCOPED_TRACE(name);
    std::vector<Samples> chunks;
    for (int i = 0; i < c.at("n_inputs").get<int>(); ++i) {
      chunks.push_back(set.floats("audio_post/" + name + ".in" + std::to_string(i)));
    }
    const auto& arguments = c.at("kwargs");
    Samples joined;
    if (c.at("function") == "crossfade_chunks") {
      joined =
          crossfade_chunks(chunks, arguments.value("overlap_samples", size_t{kCrossfadeSamples}));
    } else {
      ASSERT_EQ(c.at("function"), "normalize_chunk_boundaries");
      joined = normalize_chunk_boundaries(
          chunks, arguments.value("min_silence_samples", size_t{kBoundarySilenceSamples}),
          arguments.value("silence_threshold", kSilenceThreshold));
    }
    const std::vector<float> expected = set.floats("audio_post/" + name + ".out");
    ASSERT_EQ(joined.size(), expected.size());
    for (size_t i = 0; i < joined.size(); ++i) {
      ASSERT_NEAR(joined[i], expected[i], kOneRounding) << "sample " << i;
    }
  }
}

}  // namespace
}  // namespace echo
