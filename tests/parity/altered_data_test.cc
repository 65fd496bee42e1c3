// Data that is wrong, damaged, or other than that of the repository.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "altered_set.h"
#include "base/error.h"
#include "group_options.h"
#include "parity/codec_parity.h"
#include "parity/parity.h"
#include "parity/recorded_models.h"

namespace echo::parity {

void PrintTo(const Report::Note& note, std::ostream* out) {
  *out << note.name << " (" << note.reason << ")";
}

namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Report run_group(const AlteredSet& set, const std::string& group) {
  return run(set.folder(), group_options(group));
}

auto named(const std::string& text) { return Field(&Report::Note::name, HasSubstr(text)); }
auto because(const std::string& text) { return Field(&Report::Note::reason, HasSubstr(text)); }

float other(float x) { return x + 1; }
float not_a_number(float) { return NAN; }

// ---- Wrong values. ----

TEST(AlteredParity, NoticesAWrongResult) {
  AlteredSet set("tiny");
  set.change_element<float>("dit_forward.safetensors", "fwd.block1.mlp", 7, other);
  const Report report = run_group(set, "forward");
  EXPECT_FALSE(report.passed());
  ASSERT_EQ(report.failures().size(), 1u) << report.table();
  EXPECT_THAT(report.failures()[0], named("dit_forward/fwd.block1.mlp"));
}

TEST(AlteredParity, NoticesAWrongWeight) {
  AlteredSet set("tiny");
  set.change_element<float>("dit.safetensors", "out_norm.weight", 3, other);
  const Report report = run_group(set, "forward");
  EXPECT_FALSE(report.passed());
  EXPECT_THAT(report.failures(), Contains(named("dit_forward/fwd.v")));
  EXPECT_THAT(report.failures(), Contains(named("dit_forward/fwd.out_norm")));
  EXPECT_THAT(report.failures(), Not(Contains(named("dit_forward/fwd.block0"))));
}

TEST(AlteredParity, NoticesWhatIsNotANumber) {
  AlteredSet set("tiny");
  set.change_element<float>("dit_forward.safetensors", "fwd.v", 0, not_a_number);
  set.change_element<float>("dit_forward.safetensors", "fwd_latent.x", 0, not_a_number);
  const Report report = run_group(set, "forward");
  EXPECT_THAT(report.failures(), Contains(named("dit_forward/fwd.v")));
  EXPECT_THAT(report.failures(), Contains(AllOf(named("dit_forward/fwd_latent.v"),
                                                because("fwd_latent.x\": holds values that are "
                                                        "not finite"))));
}

TEST(AlteredParity, NoticesWrongTextsChunksAndPoints) {
  AlteredSet set("tiny");
  set.change_json("text.json", [](json& text) {
    text["tokenizer_encode"][0]["ids"][3] = 1;
    text["tokenizer_encode"][2]["normalized_text"] = "[S1] other";
  });
  set.change_json("chunk_text.json",
                  [](json& text) { text[0]["chunk_text_for_audio"][0]["chunks"] = {"a"}; });
  set.change_json("manifest.json", [](json& manifest) {
    manifest["flattening"][0]["result"] = 34;
    manifest["temporal_score_rescale"][2]["out"][0] = 0.5;
  });
  set.change_element<float>("schedule.safetensors", "t_schedule_40", 20,
                            [](float t) { return std::nextafter(t, 1.0f); });
  EXPECT_EQ(run_group(set, "text").failures().size(), 3u);
  EXPECT_EQ(run_group(set, "functions").failures().size(), 3u);
}

TEST(AlteredParity, NoticesWrongSpeech) {
  AlteredSet set("tiny");
  set.change_json("manifest.json", [](json& manifest) {
    json& handler = manifest["pipeline"]["handler"];
    handler.at("plain_concat")["job"]["parameters"]["seed"] = 8;
    handler.at("no_chunking")["chunks"] = {"other"};
    handler.erase("default_post");
    handler.erase("crossfade_only");
    manifest["pipeline"]["cases"].erase("padded");
    manifest["pipeline"]["cases"].at("crop")["fake_latent"] = "no";
  });
  set.change_element<float>("pipeline.safetensors", "speaker.audio", 100, other);
  const Report report = run_group(set, "pipeline");
  EXPECT_EQ(report.failures().size(), 4u) << report.table();
  EXPECT_THAT(report.failures(), Contains(named("pipeline/handler.plain_concat.audio")));
  EXPECT_THAT(report.failures(), Contains(named("pipeline/handler.no_chunking: texts")));
  EXPECT_THAT(report.failures(), Contains(named("pipeline/speaker.audio")));
  EXPECT_THAT(report.failures(), Contains(named("pipeline/crop")));
  // What has a floor and is in no case any more is named.
  EXPECT_THAT(report.left_out(), Contains(named("pipeline/handler.default_post.audio")));
}

TEST(AlteredParity, NoticesAWrongDraw) {
  AlteredSet set("randn");
  set.change_element<float>("randn.safetensors", "seed_5.n_17", 16,
                            [](float x) { return x + 1e-5f; });
  set.change_json("randn.json",
                  [](json& document) { document["big"]["seed_1.shape_1_640_80"]["sum"] = 0; });
  const Report report = run_group(set, "");
  ASSERT_EQ(report.failures().size(), 2u) << report.table();
  EXPECT_THAT(report.failures()[0], named("seed_5.n_17"));
}

// ---- Codes. ----

class CodeParity : public ::testing::Test {
 protected:
  // The short recordings are enough here.
  CodeParity() {
    for (const char* name : {"long", "silence", "three_plus_one", "two_frames", "sub_frame"}) {
      const std::string full = "\"enc." + std::string(name) + ".";
      std::string hidden = full;
      hidden.replace(1, 3, "zzz");
      set_.replace("autoencoder.safetensors", full, hidden);
    }
  }

  Report encode() {
    const GoldenSet opened = set_.open();
    RecordedModels models(opened, group_options({}).device);
    Report report;
    check_encoding(Comparison(opened, report), models.codec(RunPrecision::kFloat32));
    return report;
  }

  // Of codebook 4 in frame 2 of 5.
  static constexpr size_t kPlace = 4 * 5 + 2;
  AlteredSet set_{"tiny"};
};

TEST_F(CodeParity, MustBeEqualWhereTheMarginIsClear) {
  set_.change_element<int32_t>("autoencoder.safetensors", "enc.ragged.codes", kPlace,
                               [](int32_t code) { return code ^ 1; });
  const Report report = encode();
  ASSERT_EQ(report.failures().size(), 1u) << report.table();
  EXPECT_THAT(report.failures()[0], named("enc.ragged.codes, frame 2"));
}

TEST_F(CodeParity, MayDifferWhereTwoCodesAreAsNear) {
  set_.change_element<int32_t>("autoencoder.safetensors", "enc.ragged.codes", kPlace,
                               [](int32_t code) { return code ^ 1; });
  set_.change_element<float>("autoencoder.safetensors", "enc.ragged.code_margin", kPlace,
                             [](float) { return 5e-5f; });
  // What follows from the other code may differ too, in this frame only.
  set_.change_element<float>("autoencoder.safetensors", "enc.ragged.latent", 2 * 80 + 3, other);
  set_.change_element<float>("autoencoder.safetensors", "enc.ragged.z_q", 5 * 7 + 2, other);
  const Report report = encode();
  EXPECT_TRUE(report.passed()) << report.table();
  ASSERT_EQ(report.left_out().size(), 1u);
  EXPECT_THAT(report.left_out()[0], named("enc.ragged.z_q, frame 2"));

  set_.change_element<float>("autoencoder.safetensors", "enc.ragged.latent", 3 * 80 + 3, other);
  EXPECT_THAT(encode().failures(), Contains(named("enc.ragged.latent")));
}

// ---- Files and fields that are missing or have another form. ----

TEST(AlteredParity, NamesAFileThatIsMissing) {
  AlteredSet set("tiny");
  set.remove("schedule.safetensors");
  const Report report = run_group(set, "functions");
  ASSERT_EQ(report.failures().size(), 1u) << report.table();
  EXPECT_THAT(report.failures()[0], because("no file schedule.safetensors"));
  EXPECT_GT(report.cases(), 25) << "the other functions were compared";
}

TEST(AlteredParity, NamesACheckpointThatIsMissingOrBroken) {
  AlteredSet set("tiny");
  set.remove("dit.safetensors");
  EXPECT_THAT(run_group(set, "forward").failures(), Each(because("no file dit.safetensors")));
  AlteredSet misnamed("tiny");
  misnamed.replace("dit.safetensors", "\"out_proj.weight\"", "\"out_zzzz.weight\"");
  const Report report = run_group(misnamed, "forward");
  EXPECT_FALSE(report.passed());
  EXPECT_THAT(report.failures(), Each(because("out_proj.weight")));
}

TEST(AlteredParity, NamesATensorThatIsMissing) {
  AlteredSet set("tiny-bf16");
  set.change_json("manifest.json", [](json& manifest) {
    manifest["sampler"] = json::object();
    manifest["blockwise"] = json::object();
  });
  set.replace("outputs.safetensors", "\"f32.fwd_t0.7.v\"", "\"f32.zzz_t0.7.v\"");
  set.replace("outputs.safetensors", "\"f32_bf16t.fwd_t0.75.block0\"",
              "\"f32_bf16t.fwd_t0.75.zzzzz0\"");
  const Report report = run_group(set, "");
  EXPECT_FALSE(report.passed());
  EXPECT_THAT(report.failures(), Contains(named("outputs/f32.fwd_t0.7.v")));
  EXPECT_THAT(report.left_out(), Contains(named("outputs/f32.s_default.out")));
}

TEST(AlteredParity, NamesInputsOfAnotherForm) {
  AlteredSet set("tiny");
  set.change_element<int32_t>("conditioning.safetensors", "text3.ids", 5,
                              [](int32_t) { return 100000; });
  set.replace("conditioning.safetensors", "\"shape\":[1,24,80]", "\"shape\":[24,1,80]");
  set.replace("conditioning.safetensors", "\"shape\":[1,32,80]", "\"shape\":[1,80,32]");
  const Report report = run_group(set, "encoders");
  EXPECT_THAT(report.failures(),
              Contains(AllOf(named("conditioning/text3"), because("found token 100000"))));
  EXPECT_THAT(report.failures(),
              Contains(AllOf(named("speaker_part24"), because("found shape [24, 1, 80]"))));
  EXPECT_THAT(report.failures(), Contains(named("latent32")));
}

struct Damage {
  const char* group;
  const char* what;
  std::function<void(json&)> change;
};

// The manifest's sections are what each group goes by.
TEST(AlteredParity, FailsForAManifestOfAnotherForm) {
  const std::vector<Damage> damages = {
      {"text", "no texts", [](json& m) { m.erase("texts"); }},
      {"text", "texts are numbers",
       [](json& m) {
         m["texts"] = {1, 2, 3};
       }},
      {"audio", "no recordings", [](json& m) { m.erase("load_audio"); }},
      {"audio", "a negative rate", [](json& m) { m["load_audio"][0]["sample_rate"] = -1; }},
      {"audio", "channels", [](json& m) { m["load_audio"][0]["channels"] = 3; }},
      {"audio", "endless inputs", [](json& m) { m["audio_post"][0]["n_inputs"] = 1 << 30; }},
      {"audio", "an endless pause",
       [](json& m) { m["audio_post"][7]["kwargs"]["min_silence_samples"] = int64_t{1} << 60; }},
      {"audio", "an unknown function", [](json& m) { m["audio_post"][0]["function"] = "f"; }},
      {"functions", "a window of no frames",
       [](json& m) { m["flattening"][0]["kwargs"]["window_size"] = 0; }},
      {"functions", "no list", [](json& m) { m["temporal_score_rescale"] = 3; }},
      {"functions", "unequal lengths",
       [](json& m) { m["temporal_score_rescale"][0]["x"] = json::array(); }},
      {"forward", "a text that is not there",
       [](json& m) { m["dit_forward"]["fwd"]["text"] = 99; }},
      {"forward", "no time", [](json& m) { m["dit_forward"]["fwd"].erase("t"); }},
      {"forward", "a far start",
       [](json& m) { m["dit_forward"]["fwd_latent"]["start_pos"] = 639; }},
      {"forward", "a start below 0", [](json& m) { m["dit_forward"]["fwd"]["start_pos"] = -4; }},
      {"voice", "chunks of no samples",
       [](json& m) {
         m["speaker_latent"] = {{"multi", m["speaker_latent"]["multi"]}};
         m["speaker_latent"]["multi"]["kwargs"]["audio_chunk_size"] = 0;
       }},
      {"pipeline", "an unknown parameter",
       [](json& m) {
         m["pipeline"]["cases"] = json::object();
         m["pipeline"]["handler"] = {{"no_chunking", m["pipeline"]["handler"]["no_chunking"]}};
         m["pipeline"]["handler"]["no_chunking"]["job"]["parameters"]["steps"] = 3;
       }},
      {"pipeline", "chunks of half a frame",
       [](json& m) { m["pipeline"]["audio_chunk_size"] = 3000; }},
  };
  for (const Damage& damage : damages) {
    SCOPED_TRACE(damage.what);
    AlteredSet set("tiny");
    set.change_json("manifest.json", damage.change);
    const Report report = run_group(set, damage.group);
    EXPECT_FALSE(report.passed());
    EXPECT_THAT(report.failures(), Not(IsEmpty()));
  }
}

TEST(AlteredParity, FailsForTrajectoriesThatCannotBe) {
  const auto only = [](json& manifest, const char* file, const char* name) -> json& {
    const json entry = manifest[file][name];
    manifest["sampler"] = json::object();
    manifest["blockwise"] = json::object();
    manifest[file][name] = entry;
    return manifest[file][name];
  };
  const std::vector<Damage> damages = {
      {"sampler", "endless",
       [&](json& m) { only(m, "sampler", "seq_1")["params"]["num_steps"] = 1 << 30; }},
      {"sampler", "no steps",
       [&](json& m) { only(m, "sampler", "seq_1")["params"]["num_steps"] = 0; }},
      {"sampler", "other noise",
       [&](json& m) { only(m, "sampler", "seq_1")["params"]["sequence_length"] = 2; }},
      {"sampler", "no seed", [&](json& m) { only(m, "sampler", "seq_1").erase("seed"); }},
      {"sampler", "other seed", [&](json& m) { only(m, "sampler", "seq_1")["seed"] = 77; }},
      {"sampler", "other steps",
       [&](json& m) { only(m, "sampler", "seq_1")["params"]["num_steps"] = 2; }},
      {"sampler", "unknown voice", [&](json& m) { only(m, "sampler", "seq_1")["speaker"] = "x"; }},
      {"sampler", "no blocks",
       [&](json& m) { only(m, "blockwise", "no_speaker")["block_sizes"] = json::array(); }},
      {"sampler", "a block below 0",
       [&](json& m) {
         only(m, "blockwise", "no_speaker")["block_sizes"] = {-12, 12};
       }},
      {"sampler", "blocks too long",
       [&](json& m) {
         only(m, "blockwise", "no_speaker")["block_sizes"] = {640, 640};
       }},
  };
  for (const Damage& damage : damages) {
    SCOPED_TRACE(damage.what);
    AlteredSet set("tiny");
    set.change_json("manifest.json", damage.change);
    EXPECT_FALSE(run_group(set, damage.group).passed());
  }
}

TEST(AlteredParity, FailsForWeightsThatCannotBeGenerated) {
  const std::vector<Damage> damages = {
      {"weights", "no tensors", [](json& m) { m.erase("tensors"); }},
      {"weights", "a tensor less", [](json& m) { m["tensors"].erase("out_proj.bias"); }},
      {"weights", "too large",
       [](json& m) {
         m["tensors"]["in_proj.weight"]["shape"] = {1 << 30, 1 << 30};
       }},
      {"weights", "a shape below 0",
       [](json& m) {
         m["tensors"]["in_proj.weight"]["shape"] = {-2048, 80};
       }},
  };
  for (const Damage& damage : damages) {
    SCOPED_TRACE(damage.what);
    AlteredSet set("real-slice");
    set.change_json("manifest.json", [&](json& manifest) {
      // Small vectors only: the others take seconds.
      for (auto it = manifest["tensors"].begin(); it != manifest["tensors"].end();) {
        it = it->at("shape").size() == 1 ? std::next(it) : manifest["tensors"].erase(it);
      }
      manifest["tensors"]["in_proj.weight"] = {
          {"shape", {2048, 80}}, {"offset", 0.0}, {"scale", 0.19364917278289795}};
      damage.change(manifest);
    });
    EXPECT_FALSE(run_group(set, damage.group).passed());
  }
}

TEST(AlteredParity, RefusesFoldersAndGroupsThatAreNotThere) {
  const auto code = [](const std::filesystem::path& folder, const std::string& group) {
    try {
      run(folder, group_options(group));
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "nothing was thrown";
    return ErrorCode::kInternal;
  };
  const TempDir empty;
  EXPECT_EQ(code(empty / "absent", ""), ErrorCode::kNotFound);
  EXPECT_EQ(code(empty.path(), ""), ErrorCode::kNotFound);
  EXPECT_EQ(code(golden("randn").folder(), "sampler"), ErrorCode::kInvalidArgument);
  AlteredSet set("tiny");
  set.write("manifest.json", "{");
  EXPECT_EQ(code(set.folder(), ""), ErrorCode::kCorrupt);
  AlteredSet cut("tiny");
  cut.write("sampler.safetensors", cut.read("sampler.safetensors").substr(0, 5000));
  EXPECT_EQ(code(cut.folder(), "text"), ErrorCode::kCorrupt);
}

// ---- Other data of the same form. ----

TEST(AlteredParity, ComparesTextsThatWereAdded) {
  AlteredSet set("tiny");
  const int64_t before = run_group(set, "text").cases();
  const json added = {{"index", 24},
                      {"text", "Ab: c"},
                      {"normalize", true},
                      {"normalized_text", "[S1] Ab, c"},
                      {"ids", {0, 91, 83, 49, 93, 32, 65, 98, 44, 32, 99}}};
  set.change_json("text.json", [&](json& text) { text["tokenizer_encode"].push_back(added); });
  set.change_json("chunk_text.json", [](json& texts) {
    texts.push_back({{"text", "One two. Three four."},
                     {"chunk_text", {{"10", {"One two.", "Three", "four."}}}},
                     {"chunk_text_for_audio", json::array()}});
  });
  const Report report = run_group(set, "text");
  EXPECT_TRUE(report.passed()) << report.table();
  EXPECT_EQ(report.cases(), before + 3);
}

TEST(AlteredParity, GoesByNoNames) {
  AlteredSet set("tiny");
  const auto rename = [&](const std::vector<const char*>& files, const std::string& from,
                          const std::string& to) {
    for (const char* file : files) set.replace(file, from, to);
  };
  rename({"conditioning.safetensors", "noise.json"}, "speaker_ae40.", "speaker_zq77.");
  rename({"conditioning.safetensors", "noise.json"}, "latent32.", "latent99.");
  rename({"dit_forward.safetensors", "noise.json"}, "fwd_latent.", "bwd_patent.");
  set.change_json("manifest.json", [](json& manifest) {
    json& forward = manifest["dit_forward"];
    forward["bwd_patent"] = forward["fwd_latent"];
    forward["bwd_patent"]["speaker"] = "zq77";
    forward["bwd_patent"]["prefix"] = "bwd_patent.prefix";
    forward.erase("fwd_latent");
  });
  for (const char* group : {"encoders", "forward"}) {
    const Report renamed = run_group(set, group);
    const Report original = run(golden("tiny"), group_options(group));
    EXPECT_TRUE(renamed.passed()) << renamed.table();
    EXPECT_EQ(renamed.cases(), original.cases());
    EXPECT_EQ(renamed.left_out().size(), original.left_out().size());
  }
}

}  // namespace
}  // namespace echo::parity
