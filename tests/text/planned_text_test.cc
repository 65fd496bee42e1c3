#include "text/planned_text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <random>

#include "base/error.h"
#include "base/utf8.h"
#include "support/golden.h"
#include "text/chunk.h"
#include "text/chunk_packing.h"
#include "text/normalize.h"
#include "text/plan.h"
#include "text/tokens.h"

namespace echo {
namespace {

std::vector<std::string> texts_of(const PlannedText& plan) {
  std::vector<std::string> texts;
  for (const PlannedChunk& chunk : plan.chunks) texts.push_back(chunk.text);
  return texts;
}

std::string refusal_of(std::string_view text, const TextOptions& options = {}) {
  try {
    plan_text(text, options);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
  return "accepted";
}

// A sentence of exactly so many characters.
std::string sentence(size_t chars) {
  std::string text = "Some words";
  while (text.size() + 5 < chars) text += " more";
  while (text.size() + 1 < chars) text += 'e';
  return text + '.';
}

TEST(PlannedText, AShortTextIsOneChunkWithItsTag) {
  const PlannedText plan = plan_text("Hello there.");
  ASSERT_EQ(plan.chunks.size(), 1U);
  EXPECT_EQ(plan.chunks[0].text, "Hello there.");
  EXPECT_EQ(plan.chunks[0].model_text, "[S1] Hello there.");
  EXPECT_EQ(plan.chunks[0].end, ChunkEnd::kText);
  EXPECT_EQ(plan.chunks[0].source_begin, 0U);
  EXPECT_EQ(plan.chunks[0].source_end, 12U);
  EXPECT_DOUBLE_EQ(plan.chunks[0].estimated_seconds, 1);
  EXPECT_TRUE(plan.changes.empty());
  EXPECT_EQ(plan.spoken, "Hello there.");
}

TEST(PlannedText, PublishedIsThePublishedPipelineByteForByte) {
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    std::u32string text;
    const std::u32string alphabet = U"abc ABC .!?,;:\n\"')\u2026\u2019\u2014S1[](\u00E9";
    for (size_t i = random() % 900 + 1; i > 0; --i) text += alphabet[random() % alphabet.size()];
    const std::string bytes = encode_utf8(text + U"z");
    const size_t max_chars = random() % 3 == 0 ? 300 : 40 + random() % 200;
    const auto expected = plan_chunks(bytes, {max_chars, 10});
    const PlannedText plan = plan_text(bytes, published_text_options(max_chars, 10));
    ASSERT_EQ(plan.chunks.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(plan.chunks[i].text, expected[i].text);
      EXPECT_EQ(plan.chunks[i].model_text, expected[i].normalised);
      EXPECT_EQ(plan.chunks[i].speaker, 0);
      EXPECT_EQ(plan.chunks[i].join_seconds, 0);
      EXPECT_LT(plan.chunks[i].source_begin, plan.chunks[i].source_end);
    }
    EXPECT_EQ(plan.chunks.back().source_end <= bytes.size(), true);
    EXPECT_TRUE(plan.changes.empty());
  }
}

// Without the front end the model reads the recorded bytes.
TEST(PlannedText, PublishedGivesTheRecordedTokens) {
  int compared = 0;
  const nlohmann::json recorded = golden("tiny").document("text");
  for (const auto& entry : recorded.at("tokenizer_encode")) {
    if (!entry.at("normalize").get<bool>()) continue;
    const auto text = entry.at("text").get<std::string>();
    std::optional<PlannedText> plan;
    try {
      plan = plan_text(text, published_text_options(0, 10));
    } catch (const Error& error) {
      // Nothing to speak, or more than the model reads.
      ASSERT_EQ(error.code(), ErrorCode::kInvalidArgument);
      continue;
    }
    ASSERT_EQ(plan->chunks.size(), 1U);
    EXPECT_EQ(tokenize(plan->chunks[0].model_text), entry.at("ids").get<std::vector<int32_t>>())
        << text;
    ++compared;
  }
  EXPECT_GE(compared, 10);
}

TEST(PlannedText, ChunksEndWithSentences) {
  const std::string text = sentence(100) + " " + sentence(110) + " " + sentence(90);
  const PlannedText plan = plan_text(text);
  ASSERT_EQ(plan.chunks.size(), 2U);
  EXPECT_EQ(plan.chunks[0].end, ChunkEnd::kSentence);
  EXPECT_DOUBLE_EQ(plan.chunks[0].join_seconds, 0.35);
  EXPECT_EQ(plan.chunks[1].end, ChunkEnd::kText);
  EXPECT_DOUBLE_EQ(plan.chunks[1].join_seconds, 0);
}

TEST(PlannedText, ParagraphsComeFirst) {
  const std::string text = sentence(90) + "\n\n" + sentence(90) + " " + sentence(100);
  const PlannedText plan = plan_text(text);
  ASSERT_EQ(plan.chunks.size(), 2U);
  EXPECT_EQ(plan.chunks[0].end, ChunkEnd::kParagraph);
  EXPECT_DOUBLE_EQ(plan.chunks[0].join_seconds, 0.6);
  EXPECT_EQ(plan.chunks[0].text, sentence(90));
  TextOptions options;
  options.paragraph_pause = 1.25;
  EXPECT_DOUBLE_EQ(plan_text(text, options).chunks[0].join_seconds, 1.25);
}

TEST(PlannedText, ThereAreNoScraps) {
  EXPECT_EQ(texts_of(plan_text("Introduction.\n\n" + sentence(120))),
            std::vector<std::string>{"Introduction. " + sentence(120)});
  const auto plan = plan_text(sentence(236) + " Yes. " + sentence(100));
  ASSERT_EQ(plan.chunks.size(), 2U);
  EXPECT_EQ(plan.chunks[1].text, "Yes. " + sentence(100));
  std::mt19937 random(11);
  for (int round = 0; round < 100; ++round) {
    std::string text;
    for (size_t i = random() % 12 + 2; i > 0; --i) {
      text += sentence(random() % 3 ? 40 + random() % 150 : 12 + random() % 20) +
              (random() % 4 ? " " : "\n\n");
    }
    const PlannedText chunks = plan_text(text);
    for (const PlannedChunk& chunk : chunks.chunks) {
      EXPECT_LE(count_code_points(chunk.text), 240U);
      EXPECT_GE(count_code_points(chunk.text), kShortestChunk) << text;
    }
  }
}

TEST(PlannedText, LongSentencesAreDividedWhereOneBreathes) {
  const std::string first = sentence(130), second = sentence(140);
  const std::string long_one = first.substr(0, first.size() - 1) + "; " + second;
  const PlannedText plan = plan_text(long_one);
  ASSERT_EQ(plan.chunks.size(), 2U);
  EXPECT_EQ(plan.chunks[0].text, first.substr(0, first.size() - 1) + ";");
  EXPECT_EQ(plan.chunks[0].end, ChunkEnd::kClause);
  EXPECT_DOUBLE_EQ(plan.chunks[0].join_seconds, 0.15);
  // Never in parentheses that could stay whole.
  TextOptions keep;
  keep.parentheses = ParenthesesStyle::kKeep;
  const std::string aside =
      first.substr(0, 120) + " (this is one thing, and that is another)" + " and " + sentence(120);
  for (const PlannedChunk& chunk : plan_text(aside, keep).chunks) {
    EXPECT_EQ(chunk.text.find('(') == std::string::npos, chunk.text.find(')') == std::string::npos);
  }
}

TEST(PlannedText, PausesEndAChunkAndAreToldExactly) {
  const PlannedText plan = plan_text("One sentence. [pause:1.234s] Another one.[pause]");
  ASSERT_EQ(plan.chunks.size(), 2U);
  EXPECT_DOUBLE_EQ(plan.chunks[0].pause_seconds, 1.234);
  EXPECT_DOUBLE_EQ(plan.chunks[0].join_seconds, 0);
  EXPECT_EQ(plan.chunks[0].end, ChunkEnd::kSentence);
  EXPECT_DOUBLE_EQ(plan.chunks[1].pause_seconds, 0.7);
  const PlannedText leading =
      plan_text("[pause:2s] One. <break strength='x-strong'/><break/> Two.");
  EXPECT_DOUBLE_EQ(leading.leading_pause_seconds, 2);
  EXPECT_DOUBLE_EQ(leading.chunks[0].pause_seconds, 1.7);
  // In the middle of a sentence speech goes on after it.
  const PlannedText middle = plan_text("And the winner is [pause:2s] nobody at all.");
  ASSERT_EQ(middle.chunks.size(), 2U);
  EXPECT_EQ(middle.chunks[0].text, "And the winner is,");
  EXPECT_EQ(middle.chunks[0].end, ChunkEnd::kClause);
  // A very short one is a comma.
  EXPECT_EQ(texts_of(plan_text("Well [pause:0.2s] yes.")), std::vector<std::string>{"Well, yes."});
}

TEST(PlannedText, PausesHaveLimits) {
  EXPECT_NE(refusal_of("One. [pause:11s] Two.").find("pause of 11 s"), std::string::npos);
  std::string many = "One.";
  for (int i = 0; i < 7; ++i) many += " [pause:9s] More.";
  EXPECT_NE(refusal_of(many).find("63 s in all"), std::string::npos);
  const PlannedText malformed = plan_text("One. [pause:x] Two.");
  EXPECT_EQ(malformed.spoken, "One. Two.");
  ASSERT_EQ(malformed.warnings.size(), 1U);
  EXPECT_NE(malformed.warnings[0].find("[pause:1.5s]"), std::string::npos);
}

TEST(PlannedText, EveryChunkBeginsWithItsSpeaker) {
  const std::string turn = sentence(150);
  const PlannedText plan =
      plan_text("[S1] " + turn + " " + turn + " [S2] " + turn + " " + turn + " [s1] " + turn);
  ASSERT_EQ(plan.chunks.size(), 5U);
  const int speakers[] = {1, 1, 2, 2, 1};
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(plan.chunks[i].speaker, speakers[i]);
    EXPECT_EQ(plan.chunks[i].model_text.substr(0, 5), speakers[i] == 1 ? "[S1] " : "[S2] ");
    EXPECT_EQ(plan.chunks[i].text.find('['), std::string::npos);
  }
  // Short turns share a chunk, and each has its tag.
  const PlannedText dialogue = plan_text("Speaker 1: Hi.\nSpeaker 2: Hello.\nSpeaker 1: Bye.");
  ASSERT_EQ(dialogue.chunks.size(), 1U);
  EXPECT_EQ(dialogue.chunks[0].model_text, "[S1] Hi. [S2] Hello. [S1] Bye.");
  const PlannedText third = plan_text("[S3] Who am I?");
  EXPECT_EQ(third.chunks[0].model_text, "[S3] Who am I?");
  EXPECT_EQ(third.warnings.size(), 1U);
}

TEST(PlannedText, ATagIsMissingOnlyWhereOneStands) {
  EXPECT_EQ(plan_text("The S100 is new.").chunks[0].model_text, "[S1] The S100 is new.");
  EXPECT_EQ(plan_text("(laughs) Good.").chunks[0].model_text, "[S1] (laughs) Good.");
  TextOptions off;
  off.processing = false;
  EXPECT_EQ(plan_text("The S100: new.", off).chunks[0].model_text, "The S100, new.");
}

TEST(PlannedText, ChunksStandForTheirPartOfTheSource) {
  const std::string text = "Dr. Smith paid $3.50 for it. [pause:1s] \u201CThen\u201D he left.";
  const PlannedText plan = plan_text(text);
  ASSERT_EQ(plan.chunks.size(), 2U);
  const auto part = [&](size_t i) {
    return text.substr(plan.chunks[i].source_begin,
                       plan.chunks[i].source_end - plan.chunks[i].source_begin);
  };
  EXPECT_EQ(part(0), "Dr. Smith paid $3.50 for it.");
  EXPECT_EQ(part(1), "\u201CThen\u201D he left.");
  EXPECT_EQ(apply_changes(text, plan.changes), plan.spoken);
  ASSERT_GE(plan.changes.size(), 3U);
  EXPECT_EQ(plan.changes[0].from, "Dr.");
  EXPECT_EQ(plan.changes[0].to, "Doctor");
  EXPECT_EQ(plan.changes[0].rule, "abbreviation");
}

TEST(PlannedText, RefusesWhatHasNothingToSpeak) {
  for (const char* text : {"", " ", "...", "\U0001F602", "[pause:1s]", "***", "\u2026!", "---"}) {
    EXPECT_NE(refusal_of(text).find("nothing to speak"), std::string::npos) << text;
    EXPECT_FALSE(plan_words(text)) << text;
  }
  EXPECT_FALSE(plan_words("```\nlet x = 1;\n```")) << "the front end leaves nothing of it";
  for (const char* text :
       {"5", "a", "\u00E9", "1\uFE0F\u20E3", "\u65E5\u672C", "\u0636\u0627\u062F", "(laughs)"}) {
    EXPECT_TRUE(plan_words(text)) << text;
  }
  EXPECT_NE(refusal_of("ab\xFFz").find("byte 2"), std::string::npos);
  TextOptions off;
  off.processing = false;
  EXPECT_NE(refusal_of("!?", off).find("nothing to speak"), std::string::npos);
  EXPECT_NE(refusal_of("a\x01z", off).find("U+0001"), std::string::npos);
}

TEST(PlannedText, OptionsHaveRanges) {
  TextOptions options;
  options.paragraph_pause = 4;
  EXPECT_NE(refusal_of("Hi.", options).find("paragraph_pause"), std::string::npos);
  options = {};
  options.target_seconds = 0;
  EXPECT_NE(refusal_of("Hi.", options).find("target_duration_seconds"), std::string::npos);
  options = {};
  options.max_chars = 0;
  EXPECT_EQ(plan_text(sentence(300) + " " + sentence(300), options).chunks.size(), 1U);
  EXPECT_NE(refusal_of(sentence(900), options).find("at most 768"), std::string::npos);
}

TEST(PlannedText, TheFirstChunkMayBeShorter) {
  TextOptions options;
  options.first_max_chars = 90;
  const std::string text = sentence(80) + " " + sentence(120) + " " + sentence(110);
  const PlannedText plan = plan_text(text, options);
  EXPECT_EQ(plan.chunks[0].text, sentence(80));
  EXPECT_EQ(plan.chunks[1].text, sentence(120) + " " + sentence(110));
  for (const size_t size : {150, 300, 700}) {
    EXPECT_LE(count_code_points(plan_text(sentence(size), options).chunks[0].text), 90U);
  }
}

TEST(PlannedText, OtherScriptsAreDividedAndWarnedOf) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "\u4ECA\u5929\u5F88\u597D\u3002";
  const PlannedText plan = plan_text(text);
  ASSERT_GT(plan.chunks.size(), 2U);
  for (const PlannedChunk& chunk : plan.chunks) {
    EXPECT_LE(count_tokens(chunk.model_text), kMaxTextTokens);
    EXPECT_EQ(chunk.text.substr(chunk.text.size() - 3), "\u3002");
    EXPECT_LE(chunk.estimated_seconds, 20.01);
  }
  ASSERT_EQ(plan.warnings.size(), 1U);
  EXPECT_EQ(plan.warnings[0].rfind("language", 0), 0U);
}

TEST(PlannedText, TextsWithoutSpacesAreCutBetweenGraphemes) {
  const PlannedText letters = plan_text(std::string(20000, 'a'));
  EXPECT_EQ(letters.chunks.size(), 84U);
  std::string accents;
  for (int i = 0; i < 500; ++i) accents += "e\u0301\u0323x\u0302";
  std::string together;
  for (const PlannedChunk& chunk : plan_text(accents).chunks) {
    EXPECT_TRUE(static_cast<unsigned char>(chunk.text[0]) != 0xCC);
    together += chunk.text;
  }
  EXPECT_GT(together.size(), 1000U);
}

TEST(PlannedText, SentencesApartJoinAsTheyWereWritten) {
  TextOptions options;
  options.sentences_apart = true;
  options.max_chars = 104;
  const std::string text =
      "Oh. This is the first sentence. [S2] Is this the second? [S1] It is, and it goes on for so "
      "long that no chunk could hold all of it at once, even if one wanted to hear it in one "
      "breath.";
  const PlannedText apart = plan_text(text, options);
  ASSERT_GE(apart.chunks.size(), 5U);
  EXPECT_EQ(apart.chunks[0].text, "Oh.");
  PlannedChunk all = apart.chunks[0];
  for (size_t i = 1; i < apart.chunks.size(); ++i) all = joined(all, apart.chunks[i]);
  EXPECT_EQ(all.model_text, "[S1] " + text);
  EXPECT_EQ(all.source_begin, 0U);
  EXPECT_EQ(all.source_end, text.size());
  EXPECT_EQ(all.end, ChunkEnd::kText);
  EXPECT_NEAR(all.estimated_seconds, static_cast<double>(text.size()) / 12, 2);
}

}  // namespace
}  // namespace echo
