// The text functions against the results of the published code.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "text/chunk.h"
#include "text/normalize.h"
#include "text/tokens.h"

namespace echo {
namespace {

using Json = nlohmann::json;

Json read_json(const std::string& name) {
  std::ifstream file(std::string(ECHO_TEST_DATA "/tiny/") + name);
  EXPECT_TRUE(file.good()) << name;
  return Json::parse(file);
}

TEST(GoldenText, NormalisationAndTokens) {
  const Json cases = read_json("text.json").at("tokenizer_encode");
  ASSERT_GE(cases.size(), 20U);
  for (const Json& c : cases) {
    const std::string text = c.at("text");
    SCOPED_TRACE(text);
    const std::string prepared = c.at("normalize").get<bool>() ? normalize_text(text) : text;
    EXPECT_EQ(prepared, c.at("normalized_text"));
    auto ids = c.at("ids").get<std::vector<int32_t>>();
    EXPECT_EQ(count_tokens(prepared), ids.size());
    ids.resize(std::min(ids.size(), kMaxTextTokens));
    EXPECT_EQ(tokenize(prepared), ids);
  }
}

TEST(GoldenText, ModelInputIsTheMaskedPartOfThePaddedOne) {
  const Json texts = read_json("manifest.json").at("texts");
  const Json cases = read_json("text.json").at("get_text_input_ids_and_mask");
  int compared = 0;
  for (const Json& c : cases) {
    if (!c.contains("index")) continue;
    // Other limits than the model's own are a feature of the published function alone.
    const Json& limit = c.at("max_length");
    if (!limit.is_null() && limit != kMaxTextTokens) continue;
    auto ids = c.at("ids").get<std::vector<int32_t>>();
    const auto mask = c.at("mask").get<std::vector<int>>();
    ids.resize(static_cast<size_t>(std::count(mask.begin(), mask.end(), 1)));
    EXPECT_EQ(tokenize(normalize_text(texts.at(c.at("index").get<size_t>()).get<std::string>())),
              ids);
    ++compared;
  }
  EXPECT_GE(compared, 3);
}

TEST(GoldenText, Chunks) {
  const Json cases = read_json("chunk_text.json");
  ASSERT_GE(cases.size(), 20U);
  for (const Json& c : cases) {
    const std::string text = c.at("text");
    SCOPED_TRACE(text);
    for (const auto& [max_chars, chunks] : c.at("chunk_text").items()) {
      EXPECT_EQ(chunk_text(text, std::stoul(max_chars)), chunks.get<std::vector<std::string>>());
    }
    for (const Json& audio : c.at("chunk_text_for_audio")) {
      EXPECT_EQ(
          chunk_text_for_audio(text, audio.at("max_chars"), audio.at("target_duration_seconds")),
          audio.at("chunks").get<std::vector<std::string>>());
    }
  }
}

}  // namespace
}  // namespace echo
