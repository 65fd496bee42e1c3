#include "engine/quality_judge.h"

#include <gtest/gtest.h>

#include <cmath>

#include "audio/voice.h"

namespace echo {
namespace {

std::vector<float> voice(double seconds) {
  std::vector<float> samples(static_cast<size_t>(seconds * kModelRate));
  for (size_t i = 0; i < samples.size(); ++i) {
    for (int k = 1; k <= 20; ++k) {
      samples[i] += 0.1F / k * std::sin(static_cast<float>(i) * 0.0171F * k);
    }
  }
  return samples;
}

TEST(Expectation, IsTheUsualPaceOfTheText) {
  EXPECT_NEAR(expectation_of("Hello, world, how is it?", 12).speech_seconds, 2, 0.01);
  EXPECT_NEAR(expectation_of("[S2] Hello, world, how is it?", 12).speech_seconds, 2, 0.01);
  EXPECT_NEAR(expectation_of("\xD0\xBF\xD1\x80\xD0\xB8\xD0\xB2\xD0\xB5\xD1\x82", 12).speech_seconds,
              0.5, 0.01);
  EXPECT_NEAR(expectation_of("\u4f60\u597d\u4e16\u754c\u3002", 12).speech_seconds, 1, 0.01);
}

TEST(Expectation, OfSoundsAndOtherScriptsNobodyKnows) {
  EXPECT_EQ(expectation_of("(laughs) Oh no.", 12).speech_seconds, 0);
  EXPECT_GT(expectation_of("(laughs) Oh no, that is a very good story indeed.", 12).speech_seconds,
            0);
  EXPECT_EQ(expectation_of("\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", 12).speech_seconds, 0);
}

TEST(Expectation, APauseMayBeWhereTheTextHasOne) {
  EXPECT_FALSE(expectation_of("One, two; three.", 12).may_pause);
  for (const char* text :
       {"One... two.", "One \u2014 two.", "One\u2026 two.", "One (sighs) two."}) {
    EXPECT_TRUE(expectation_of(text, 12).may_pause) << text;
  }
}

TEST(Expectation, TellsWhetherATextEndsInASound) {
  EXPECT_TRUE(ends_in_sound("Well. (sighs)"));
  EXPECT_TRUE(ends_in_sound("Well (sighs)."));
  EXPECT_FALSE(ends_in_sound("(sighs) Well."));
  EXPECT_FALSE(ends_in_sound(""));
}

TEST(QualityJudge, KeepsAGoodTakeAndAsksForAnotherOfABadOne) {
  const ChunkJudge judge = make_quality_judge();
  const std::vector<float> good = voice(2), bad = voice(0.3);
  ChunkTake take;
  take.text = "Hello, world, how is it?";
  take.ended = true;
  take.samples = good;
  const ChunkVerdict kept = judge(take);
  EXPECT_EQ(kept.action, ChunkVerdict::Action::kKeep);
  EXPECT_EQ(kept.score, 0);
  take.samples = bad;
  take.ended = false;
  const ChunkVerdict again = judge(take);
  EXPECT_EQ(again.action, ChunkVerdict::Action::kRetake);
  EXPECT_EQ(again.reasons, (std::vector<std::string>{"short", "no_end"}));
  EXPECT_EQ(again.warnings.size(), 2u);
}

TEST(QualityJudge, OfTheFirstBlockDoesNotMissTheRest) {
  const std::vector<float> samples = voice(0.5);
  ChunkTake take;
  take.text = "Hello, world, how is it?";
  take.samples = samples;
  take.complete = false;
  EXPECT_EQ(make_quality_judge()(take).action, ChunkVerdict::Action::kKeep);
}

}  // namespace
}  // namespace echo
