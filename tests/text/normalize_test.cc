#include "text/normalize.h"

#include <gtest/gtest.h>

#include "text/tokens.h"

namespace echo {
namespace {

TEST(Normalize, ReplacesOnlyTheListedPunctuation) {
  EXPECT_EQ(normalize_text("[ \u2026 \u2019 \u201D \n : ; \u2014"), "[ ... ' \"   , , , ");
  // The opening quotes, the carriage return and the en dash are not in the list.
  EXPECT_EQ(normalize_text("[\u201C\u2018\r\u2013"), "[\u201C\u2018\r\u2013");
}

TEST(Normalize, TagsAnUntaggedText) {
  EXPECT_EQ(normalize_text("hello"), "[S1] hello");
  EXPECT_EQ(normalize_text(""), "[S1] ");
  EXPECT_EQ(normalize_text("[cough] hello"), "[cough] hello");
  EXPECT_EQ(normalize_text("(whisper) hello"), "(whisper) hello");
  EXPECT_EQ(normalize_text("so S2 said"), "so S2 said");
  EXPECT_EQ(normalize_text(" [cough]"), "[S1]  [cough]");
}

TEST(Normalize, IsStableWhenRepeated) {
  const std::string once = normalize_text("a: b\u2026 c\u2014d");
  EXPECT_EQ(normalize_text(once), once);
}

TEST(Tokens, AreTheStartTokenAndTheBytes) {
  EXPECT_EQ(tokenize(""), std::vector<int32_t>({0}));
  EXPECT_EQ(tokenize("A\u00FC"), std::vector<int32_t>({0, 65, 0xC3, 0xBC}));
}

TEST(Tokens, AreCutAtTheModelsLimit) {
  EXPECT_EQ(tokenize(std::string(767, 'x')).size(), 768U);
  EXPECT_EQ(tokenize(std::string(768, 'x')).size(), 768U);
  EXPECT_EQ(count_tokens(std::string(768, 'x')), 769U);
}

}  // namespace
}  // namespace echo
