// Requests against the recorded pipeline: text and a recording in, joined speech out.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "engine/engine.h"
#include "engine/engine_fixture.h"
#include "engine/flattening.h"
#include "models/codec.h"
#include "models/pca_state.h"

namespace echo {
namespace {

using Json = nlohmann::json;

void set_all(const Json& json, SpeechParameters& parameters) {
  for (const auto& [name, value] : json.items()) {
    ASSERT_TRUE(set_parameter(parameters, name, value.dump())) << name;
  }
}

TEST(GoldenPipeline, EveryRecordedRequest) {
  const GoldenSet& set = golden("tiny");
  const auto engine = Engine::load(tiny_options());
  for (const auto& [name, entry] : set.manifest().at("pipeline").at("handler").items()) {
    const Json& job = entry.at("job");
    SpeechRequest request;
    request.text = job.at("text").get<std::string>();
    if (job.contains("speaker_voice")) request.voice = recorded_voice("ragged");
    if (job.contains("seed")) set_parameter(request.parameters, "seed", job.at("seed").dump());
    set_all(job.at("parameters"), request.parameters);
    const uint64_t seed = request.parameters.seed;

    const SpeechResult result = engine->speak(request);
    EXPECT_TRUE(near_golden(set, "pipeline/handler." + name + ".audio", result.samples));

    const Json& chunks = entry.at("chunks");
    ASSERT_EQ(result.chunks.size(), chunks.size()) << name;
    for (size_t i = 0; i < chunks.size(); ++i) {
      EXPECT_EQ(result.chunks[i].text_chars,
                static_cast<int64_t>(chunks[i].get<std::string>().size()));
      EXPECT_EQ(result.chunks[i].seed, seed + 1000 * i);
      EXPECT_GT(result.chunks[i].seconds, 0);
    }
  }
}

TEST(GoldenPipeline, EveryRecordedGeneration) {
  const GoldenSet& set = golden("tiny");
  const auto engine = Engine::load(tiny_options());
  for (const auto& [name, entry] : set.manifest().at("pipeline").at("cases").items()) {
    // Latents that are given, not sampled: below.
    if (entry.at("fake_latent").get<bool>()) continue;
    SpeechRequest request;
    request.text = entry.at("text").get<std::string>();
    if (!entry.at("audio").is_null()) {
      request.voice = recorded_voice(entry.at("audio").get<std::string>());
    }
    set_all(entry.at("params"), request.parameters);
    request.parameters.seed = entry.at("seed").get<uint64_t>();
    request.parameters.max_chars_per_chunk = 0;
    EXPECT_TRUE(near_golden(set, "pipeline/" + name + ".audio", engine->speak(request).samples));
  }
}

TEST(GoldenPipeline, OnlyTheFramesBeforeTheFlatteningPointAreDecoded) {
  const GoldenSet& set = golden("tiny");
  const auto backend = test_backend();
  const Codec codec({*backend, DType::kFloat32}, Weights(set.file("dac")),
                    read_pca_state(Weights(set.file("pca_state"))));
  const std::vector<float> latents = set.floats("pipeline/crop.latent");
  const auto frames = static_cast<int64_t>(latents.size()) / 80;
  const int64_t kept = flattening_point(latents, 80);
  EXPECT_LT(kept, frames);
  const Tensor latent = from_host(*backend, latents, frames, 80).row_range(0, kept);
  EXPECT_TRUE(near_golden(set, "pipeline/crop.audio", codec.decode(latent)));
}

}  // namespace
}  // namespace echo
