#include "text/plan.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "base/error.h"
#include "base/utf8.h"
#include "text/chunk.h"
#include "text/normalize.h"
#include "text/tokens.h"

namespace echo {
namespace {

std::u32string without_white_space(std::string_view text) {
  std::u32string rest;
  for (const char32_t c : decode_utf8(text)) {
    if (!is_white_space(c)) rest.push_back(c);
  }
  return rest;
}

std::string random_text(std::mt19937& random) {
  static const std::u32string kAlphabet =
      U"abcdeABC  \t\n\u00A0\u2003\u3000..!?,,;:\"')]}\u201D\u2019\u2026\u2014\u00FC\u0436\u65E5"
      U"\u672C\u3002\U0001F642";
  std::u32string text;
  const size_t length = random() % 3000;
  // Some texts have long runs without white space.
  const bool dense = random() % 3 == 0;
  while (text.size() < length) {
    const char32_t c = kAlphabet[random() % kAlphabet.size()];
    if (!dense || !is_white_space(c)) text.push_back(c);
  }
  return encode_utf8(text + U"z");
}

std::string message_of(std::string_view text, const ChunkOptions& options = {}) {
  try {
    plan_chunks(text, options);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
  return "accepted";
}

TEST(Plan, LosesNothingAndEveryChunkFits) {
  std::mt19937 random(7);
  for (int round = 0; round < 400; ++round) {
    const std::string text = random_text(random);
    const ChunkOptions options{1 + random() % 1200,
                               std::uniform_real_distribution<double>(0.1, 100)(random)};
    SCOPED_TRACE("round " + std::to_string(round));
    std::u32string together;
    for (const TextChunk& chunk : plan_chunks(text, options)) {
      EXPECT_LE(count_tokens(chunk.normalised), kMaxTextTokens);
      EXPECT_EQ(chunk.normalised, normalize_text(chunk.text));
      EXPECT_FALSE(chunk.text.empty());
      together += without_white_space(chunk.text);
    }
    EXPECT_TRUE(together == without_white_space(text));
  }
}

TEST(Plan, ChunksOfChunkTextAreWithinTheLimit) {
  std::mt19937 random(8);
  for (int round = 0; round < 200; ++round) {
    const std::string text = random_text(random);
    const size_t max_chars = 1 + random() % 400;
    std::u32string together;
    for (const std::string& chunk : chunk_text(text, max_chars)) {
      EXPECT_LE(count_code_points(chunk), max_chars);
      EXPECT_GE(count_code_points(chunk), 1U);
      together += without_white_space(chunk);
    }
    EXPECT_TRUE(together == without_white_space(text));
  }
}

TEST(Plan, SplitsScriptsOfSeveralBytesACharacterFurther) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += "\u65E5";  // 900 bytes in 300 characters
  const auto chunks = plan_chunks(text, {300, 30});
  ASSERT_EQ(chunks.size(), 2U);
  EXPECT_EQ(count_code_points(chunks[0].text), 150U);
  EXPECT_EQ(count_code_points(chunks[1].text), 150U);
}

TEST(Plan, TheLimitItselfFits) {
  // "[S1] " is 5 bytes and the start token one more.
  EXPECT_EQ(plan_chunks(std::string(762, 'x'), {0, 10}).size(), 1U);
  EXPECT_EQ(count_tokens(plan_chunks(std::string(762, 'x'), {0, 10})[0].normalised), 768U);
  EXPECT_EQ(plan_chunks(std::string(762, 'x'), {762, 100}).size(), 1U);
  EXPECT_EQ(plan_chunks(std::string(763, 'x'), {763, 100}).size(), 2U);
}

TEST(Plan, WithoutChunkingALongTextIsRefusedAndNotShown) {
  const std::string message = message_of("secret" + std::string(800, 'x'), {0, 10});
  EXPECT_NE(message.find("768"), std::string::npos);
  EXPECT_NE(message.find("812"), std::string::npos);
  EXPECT_EQ(message.find("secret"), std::string::npos);
}

TEST(Plan, WithoutChunkingTheTextStaysAsItIs) {
  const auto chunks = plan_chunks("two  spaces\there", {0, 10});
  ASSERT_EQ(chunks.size(), 1U);
  EXPECT_EQ(chunks[0].normalised, "[S1] two  spaces\there");
}

TEST(Plan, RefusesWhatCannotBeSpoken) {
  EXPECT_NE(message_of("").find("empty"), std::string::npos);
  EXPECT_NE(message_of(" \n\t\u3000 ").find("empty"), std::string::npos);
  EXPECT_NE(message_of("ab\xFFz").find("byte 2"), std::string::npos);
  EXPECT_NE(message_of(std::string("ab\0c", 4)).find("character 3"), std::string::npos);
  EXPECT_NE(message_of("\u00E4\u00E4\x1B[1m").find("character 3 is the control character U+001B"),
            std::string::npos);
  EXPECT_NE(message_of("del\x7F").find("U+007F"), std::string::npos);
  EXPECT_NE(message_of("c1\u0080").find("U+0080"), std::string::npos);
  EXPECT_EQ(message_of("tab\tfeed\fline\u0085separator\x1F end"), "accepted");
}

TEST(Plan, RefusesDurationsThatAreNoDurations) {
  for (const double seconds : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_NE(message_of("hello", {300, seconds}).find("target_duration_seconds"),
              std::string::npos);
  }
  EXPECT_THROW(chunk_text("hello", 0), Error);
  EXPECT_THROW(chunk_text_for_audio("hello", 0, 10), Error);
}

TEST(Plan, AShortDurationStillTakesACharacterAChunk) {
  EXPECT_EQ(chunk_text_for_audio("abcdefghijklmnopqrstuvwxyz", 300, 0.01).size(), 25U)
      << "26 chunks of one character, the last joined to the one before it";
}

TEST(Plan, TakesAHundredThousandCharacters) {
  std::string text;
  while (text.size() < 100000) text += "All work and no play makes a dull day, they say. ";
  const auto chunks = plan_chunks(text);
  EXPECT_GT(chunks.size(), 800U);
  EXPECT_EQ(plan_chunks(std::string(100000, 'x')).size(), 834U);
}

}  // namespace
}  // namespace echo
