// Whole trajectories against recorded ones.
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/engine_fixture.h"
#include "engine/noise.h"
#include "engine/trajectory.h"
#include "models/random_checkpoint.h"
#include "nn/weights.h"
#include "support/golden.h"
#include "text/normalize.h"
#include "text/tokens.h"

namespace echo {
namespace {

using Json = nlohmann::json;

template <class T>
void read(const Json& json, const char* name, T& value) {
  if (json.contains(name) && !json.at(name).is_null()) value = json.at(name).get<T>();
}

template <class T>
void read(const Json& json, const char* name, std::optional<T>& value) {
  if (json.contains(name) && !json.at(name).is_null()) value = json.at(name).get<T>();
}

SamplerParameters parameters_of(const Json& json) {
  SamplerParameters p;
  read(json, "num_steps", p.num_steps);
  read(json, "cfg_scale_text", p.cfg_scale_text);
  read(json, "cfg_scale_speaker", p.cfg_scale_speaker);
  read(json, "cfg_min_t", p.cfg_min_t);
  read(json, "cfg_max_t", p.cfg_max_t);
  read(json, "truncation_factor", p.truncation_factor);
  read(json, "rescale_k", p.rescale_k);
  read(json, "rescale_sigma", p.rescale_sigma);
  read(json, "speaker_kv_scale", p.speaker_kv_scale);
  read(json, "speaker_kv_max_layers", p.speaker_kv_max_layers);
  read(json, "speaker_kv_min_t", p.speaker_kv_min_t);
  read(json, "sequence_length", p.sequence_length);
  return p;
}

// Draws the recorded noise of a case, one tensor after the other.
NoiseSource recorded_noise(const GoldenSet& set, std::vector<std::string> names) {
  return [&set, names, next = size_t{0}](int64_t n) mutable {
    std::vector<float> values = set.floats(names.at(next++));
    EXPECT_EQ(static_cast<int64_t>(values.size()), n);
    return values;
  };
}

std::vector<std::string> block_noises(const std::string& prefix, size_t blocks) {
  std::vector<std::string> names;
  for (size_t i = 0; i < blocks; ++i) names.push_back(prefix + std::to_string(i));
  return names;
}

// A recorded model on the CPU, with its conditions by the names of the recordings.
struct RecordedModel {
  RecordedModel(const GoldenSet& data, const Weights& weights, DType precision, bool round_time)
      : set(data),
        backend(test_backend()),
        dit({*backend, precision}, weights, true),
        modulations(dit, round_time) {}

  std::shared_ptr<const KeyValueCache> text(std::string_view text, size_t length = kMaxTextTokens) {
    std::vector<int32_t> ids = tokenize(normalize_text(text));
    ids.resize(std::min(ids.size(), length));
    return std::make_shared<KeyValueCache>(dit.encode_text(ids));
  }

  Tensor latent(const std::string& name) {
    const std::vector<float> values = set.floats(name);
    return from_host(*backend, values, static_cast<int64_t>(values.size()) / 80, 80);
  }

  const GoldenSet& set;
  std::unique_ptr<Backend> backend;
  EchoDit dit;
  ModulationCache modulations;
};

Weights weights_of(const GoldenSet& set) { return Weights(set.file("dit")); }

struct TinyModel : RecordedModel {
  TinyModel() : RecordedModel(golden("tiny"), weights_of(golden("tiny")), DType::kFloat32, false) {}

  // "none" is the recording's name for no voice.
  std::shared_ptr<const KeyValueCache> speaker(const std::string& name) {
    if (name == "none") return nullptr;
    const std::string prefix = "conditioning/speaker_" + name;
    int64_t visible = 0;
    for (const uint8_t seen : set.bools(prefix + ".mask")) visible += seen;
    return std::make_shared<KeyValueCache>(dit.encode_speaker(latent(prefix + ".latent"), visible));
  }

  Conditions conditions(const Json& entry) {
    const auto& texts = set.manifest().at("texts");
    size_t length = kMaxTextTokens;
    if (!entry.at("max_length").is_null()) length = entry.at("max_length").get<size_t>();
    return {text(texts.at(entry.at("text").get<size_t>()).get<std::string>(), length),
            speaker(entry.at("speaker").get<std::string>()),
            {}};
  }
};

TEST(GoldenSampler, EveryRecordedTrajectory) {
  TinyModel model;
  for (const auto& [name, entry] : model.set.manifest().at("sampler").items()) {
    Trajectory trajectory(model.dit, parameters_of(entry.at("params")),
                          recorded_noise(model.set, {"sampler/" + name + ".noise"}),
                          model.conditions(entry));
    const Tensor latent = sample(model.dit, model.modulations, trajectory);
    EXPECT_TRUE(near_golden(model.set, "sampler/" + name + ".out", latent.to_host()));
  }
}

TEST(GoldenSampler, EveryStepOfATrajectory) {
  TinyModel model;
  for (const std::string name : {"base8", "combo12"}) {
    const Json& entry = model.set.manifest().at("sampler").at(name);
    Trajectory trajectory(model.dit, parameters_of(entry.at("params")),
                          recorded_noise(model.set, {"sampler/" + name + ".noise"}),
                          model.conditions(entry));
    const std::string prefix = "sampler/" + name;
    std::vector<float> states;
    Trajectory* const batch[] = {&trajectory};
    for (int64_t step = 0; !trajectory.finished(); ++step) {
      const std::vector<float> x = trajectory.x().to_host();
      states.insert(states.end(), x.begin(), x.end());
      const Tensor v = velocities(model.dit, model.modulations, batch);
      const std::string lanes =
          prefix + (step < 10 ? ".step0" : ".step") + std::to_string(step) + ".v_lanes";
      if (model.set.has(lanes)) {
        EXPECT_TRUE(near_golden(model.set, lanes, v.to_host()));
      }
      trajectory.apply(v);
    }
    EXPECT_TRUE(near_golden(model.set, prefix + ".x_t", states));
  }
}

TEST(GoldenSampler, OwnNoiseGivesTheRecordedTrajectory) {
  TinyModel model;
  const Json& entry = model.set.manifest().at("sampler").at("base8");
  NoiseGenerator noise(NoiseKind::kCpu, entry.at("seed").get<uint64_t>());
  Trajectory trajectory(
      model.dit, parameters_of(entry.at("params")), [&](int64_t n) { return noise.draw(n); },
      model.conditions(entry));
  EXPECT_TRUE(near_golden(model.set, "sampler/base8.out",
                          sample(model.dit, model.modulations, trajectory).to_host()));
}

TEST(GoldenBlockwise, EveryRecordedTrajectory) {
  TinyModel model;
  for (const auto& [name, entry] : model.set.manifest().at("blockwise").items()) {
    SamplerParameters parameters = parameters_of(entry.at("params"));
    parameters.block_sizes = entry.at("block_sizes").get<std::vector<int64_t>>();
    Conditions conditions = model.conditions(entry);
    if (!entry.at("continuation").is_null()) {
      conditions.continuation =
          model.latent("blockwise/continuation." + entry.at("continuation").get<std::string>());
    }
    const std::string prefix = "blockwise/" + name;
    Trajectory trajectory(
        model.dit, parameters,
        recorded_noise(model.set, block_noises(prefix + ".noise", parameters.block_sizes.size())),
        conditions);
    const Tensor latent = sample(model.dit, model.modulations, trajectory);
    EXPECT_TRUE(near_golden(model.set, prefix + ".out", latent.to_host()));
  }
}

// The BF16 checkpoint, whose times are rounded.
struct TinyBFloat16Model : RecordedModel {
  TinyBFloat16Model(DType precision, bool round_time)
      : RecordedModel(golden("tiny-bf16"), weights_of(golden("tiny-bf16")), precision, round_time) {
  }

  // The latents of every recorded case, by name.
  std::map<std::string, std::vector<float>> run() {
    std::map<std::string, std::vector<float>> results;
    const Json& manifest = set.manifest();
    const auto speaker =
        std::make_shared<KeyValueCache>(dit.encode_speaker(latent("outputs/speaker.latent"), 40));
    for (const char* kind : {"sampler", "blockwise"}) {
      for (const auto& [name, entry] : manifest.at(kind).items()) {
        Json json = manifest.at("defaults");
        json.update(entry.at("p"));
        SamplerParameters parameters = parameters_of(json);
        std::vector<std::string> noises = {"outputs/" + name + ".noise"};
        if (entry.contains("seq")) {
          parameters.sequence_length = entry.at("seq").get<int64_t>();
        } else {
          parameters.block_sizes = entry.at("blocks").get<std::vector<int64_t>>();
          noises = block_noises(noises[0], parameters.block_sizes.size());
        }
        const auto words =
            manifest.at("texts").at(entry.at("text").get<size_t>()).get<std::string>();
        Trajectory trajectory(dit, parameters, recorded_noise(set, noises),
                              {text(words), speaker, {}});
        results[name] = sample(dit, modulations, trajectory).to_host();
      }
    }
    return results;
  }
};

TEST(GoldenBFloat16, WeightsWidenedWithExactTimes) {
  TinyBFloat16Model model(DType::kFloat32, false);
  for (const auto& [name, latent] : model.run()) {
    EXPECT_TRUE(near_golden(model.set, "outputs/f32." + name + ".out", latent));
  }
}

TEST(GoldenBFloat16, WeightsWidenedWithRoundedTimes) {
  TinyBFloat16Model model(DType::kFloat32, true);
  for (const auto& [name, latent] : model.run()) {
    EXPECT_TRUE(near_golden(model.set, "outputs/f32_bf16t." + name + ".out", latent));
  }
}

TEST(GoldenBFloat16, ProductsInBFloat16) {
  TinyBFloat16Model model(DType::kBFloat16, true);
  for (const auto& [name, latent] : model.run()) {
    EXPECT_TRUE(near_golden_bfloat16(model.set, "outputs/f32_bf16t." + name + ".out", latent));
  }
}

// The real widths, on generated weights: makes a checkpoint of 0.7 GB.
TEST(SlowRealSlice, EveryRecordedTrajectory) {
  const GoldenSet& set = golden("real-slice");
  std::string folder = (std::filesystem::temp_directory_path() / "real-slice-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const ModelFiles files = write_random_checkpoint(folder, {ModelSize::kRealSlice, 0, 0, {}});
  RecordedModel model(set, Weights::open(files.dit), DType::kFloat32, false);
  std::filesystem::remove_all(folder);

  int64_t visible = 0;
  for (const uint8_t seen : set.bools("real_slice/speaker.mask")) visible += seen;
  const auto speaker = std::make_shared<KeyValueCache>(
      model.dit.encode_speaker(model.latent("real_slice/speaker.latent"), visible));
  const auto text = model.text(set.manifest().at("text").get<std::string>());

  const Json& sampler = set.manifest().at("sampler");
  SamplerParameters parameters = parameters_of(sampler.at("params"));
  parameters.sequence_length = sampler.at("sequence_length").get<int64_t>();
  Trajectory whole(model.dit, parameters, recorded_noise(set, {"real_slice/sampler.noise"}),
                   {text, speaker, {}});
  EXPECT_TRUE(near_golden(set, "real_slice/sampler.out",
                          sample(model.dit, model.modulations, whole).to_host()));

  const Json& blockwise = set.manifest().at("blockwise");
  parameters = parameters_of(blockwise.at("params"));
  parameters.block_sizes = blockwise.at("block_sizes").get<std::vector<int64_t>>();
  Trajectory blocks(model.dit, parameters,
                    recorded_noise(set, block_noises("real_slice/blockwise.noise", 3)),
                    {text, speaker, {}});
  EXPECT_TRUE(near_golden(set, "real_slice/blockwise.out",
                          sample(model.dit, model.modulations, blocks).to_host()));
}

}  // namespace
}  // namespace echo
