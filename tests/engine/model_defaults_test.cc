#include "engine/model_defaults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "support/temp_dir.h"
#include "support/thrown_error.h"

namespace echo {
namespace {

class ModelDefaults : public ::testing::Test {
 protected:
  void write(const std::string& text) const { std::ofstream(dir_ / std::string(kModelDefaultsFile)) << text; }
  void expect_corrupt(const std::string& text, const std::string& expected) const {
    write(text);
    const Error error = error_of([&] { model_defaults(files()); });
    EXPECT_EQ(error.code(), ErrorCode::kCorrupt) << text;
    EXPECT_THAT(error.what(), testing::HasSubstr(expected));
    EXPECT_THAT(error.what(), testing::HasSubstr(std::string(kModelDefaultsFile)));
  }
  ModelFiles files() const {
    return {dir_ / "dit.safetensors", dir_ / "dac.safetensors", dir_ / "pca_state.safetensors"};
  }
  TempDir dir_;
};

TEST_F(ModelDefaults, AreTheTablesWithoutAFile) {
  const SpeechParameters parameters = model_defaults(files()), table;
  for (const ParameterInfo& info : parameter_table()) {
    EXPECT_EQ(parameter_text(parameters, info.name), parameter_text(table, info.name)) << info.name;
  }
}

TEST_F(ModelDefaults, AreWhatTheFileSaysAndElseTheTables) {
  write(
      R"({"cfg_scale_speaker": 0, "num_steps": 20, "enable_crossfade": false, "rescale_k": 1.5})");
  const SpeechParameters parameters = model_defaults(files());
  EXPECT_EQ(parameters.cfg_scale_speaker, 0);
  EXPECT_EQ(parameters.num_steps, 20);
  EXPECT_FALSE(parameters.enable_crossfade);
  EXPECT_EQ(parameters.rescale_k, 1.5);
  EXPECT_EQ(parameters.cfg_scale_text, SpeechParameters().cfg_scale_text);
}

TEST_F(ModelDefaults, NamesWhatCannotBe) {
  expect_corrupt("", "expected a JSON object");
  expect_corrupt("[1, 2]", "expected a JSON object");
  expect_corrupt(R"({"num_stepps": 20})", "\"num_stepps\", expected the name of a parameter");
  expect_corrupt(R"({"num_steps": 0})", "num_steps: found 0, expected an integer from 1 to 1000");
  expect_corrupt(R"({"num_steps": {"a": 1}})", "num_steps");
  expect_corrupt(R"({"cfg_min_t": 0.9, "cfg_max_t": 0.2})", "cfg_min_t");
  expect_corrupt(std::string(70000, ' '), "65536 bytes");
}

}  // namespace
}  // namespace echo
