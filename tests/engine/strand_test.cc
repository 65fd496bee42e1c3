// What a chunk hears of those before it.
#include "engine/strand.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <numeric>
#include <random>

#include "audio/voice.h"
#include "base/error.h"
#include "engine/engine_fixture.h"
#include "engine/sampler_parameters.h"
#include "text/tokens.h"

namespace echo {
namespace {

TEST(Strand, PlansWholeChunksThatFit) {
  const std::vector<SpokenPart> spoken = {{144, 144, 280}, {144, 144, 280}};
  const ContinuationPlan plan = plan_continuation(spoken, {144, 144, 0}, 0.557, SIZE_MAX);
  EXPECT_EQ(plan.parts, 1u);
  EXPECT_EQ(plan.prefix_frames, 280);
  EXPECT_EQ(plan.window_frames, 348);
  EXPECT_EQ(needed_frames(30, 0.557), 92);
  // Two short ones are heard together, a very long one not at all.
  const std::vector<SpokenPart> small = {{60, 60, 120}, {60, 60, 120}};
  EXPECT_EQ(plan_continuation(small, {60, 60, 0}, 0.557, SIZE_MAX).prefix_frames, 240);
  EXPECT_EQ(plan_continuation(small, {60, 60, 0}, 0.557, 1).prefix_frames, 120);
  EXPECT_EQ(plan_continuation(small, {60, 60, 0}, 0.557, 0).parts, 0u);
  const std::vector<SpokenPart> large = {{274, 274, 600}};
  EXPECT_EQ(plan_continuation(large, {144, 144, 0}, 0.557, SIZE_MAX).parts, 0u);
}

TEST(Strand, OfAnyChunksWindowAndTextHold) {
  std::mt19937 random(1);
  const auto between = [&](int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1));
  };
  int continued = 0;
  for (int i = 0; i < 10'000; ++i) {
    std::vector<SpokenPart> spoken;
    for (int64_t n = between(0, 4); n > 0; --n) {
      const int64_t chars = between(1, 274);
      spoken.push_back({chars, chars * between(1, 2), 4 * between(1, 160)});
    }
    const int64_t chars = between(1, 274);
    const SpokenPart next{chars, chars * between(1, 2), 0};
    const double rate = static_cast<double>(between(30, 110)) / 100;
    const ContinuationPlan plan = plan_continuation(spoken, next, rate, SIZE_MAX);
    EXPECT_LE(plan.prefix_frames + plan.window_frames, kMaxFrames);
    EXPECT_EQ(plan.prefix_frames % 4, 0);
    EXPECT_EQ(plan.window_frames % 4, 0);
    ASSERT_LE(plan.parts, spoken.size());
    int64_t frames = 0, bytes = 1 + 5 + next.bytes;
    for (size_t k = 0; k < plan.parts; ++k) {
      const SpokenPart& part = spoken[spoken.size() - 1 - k];
      frames += part.frames;
      bytes += part.bytes + 6;
    }
    EXPECT_EQ(plan.prefix_frames, frames) << "whole chunks";
    if (plan.parts > 0) {
      EXPECT_LE(bytes, static_cast<int64_t>(kMaxTextTokens));
      EXPECT_GE(plan.window_frames, std::min(kMaxFrames - frames, needed_frames(chars, rate)));
    }
    continued += plan.parts > 0 ? 1 : 0;
  }
  EXPECT_GT(continued, 2000);
}

TEST(Strand, TakesPartsAsThereIsRoom) {
  const auto parts = [](std::vector<int64_t> chars, int64_t last = 0, double rate = 0.557,
                        int64_t most = 1000) {
    return parts_of_next_chunk(chars, last, rate, most);
  };
  EXPECT_EQ(parts({90, 90, 92}), 3u) << "274 characters fit one window";
  EXPECT_EQ(parts({90, 90, 93}), 1u) << "no longer, so each leaves room for the next";
  EXPECT_EQ(parts({40, 60, 42, 100, 100}), 3u) << "144 characters";
  EXPECT_EQ(parts({40, 60, 43, 100, 100}), 2u);
  EXPECT_EQ(parts({40, 60, 43, 100, 100}, 0, 0.7), 3u) << "182 of a faster speaker";
  EXPECT_EQ(parts({40, 60, 100, 100}, 0, 0.4), 2u) << "104 of a slower one";
  EXPECT_EQ(parts({70, 70}, 280), 2u) << "the last has all that the one before leaves";
  EXPECT_EQ(parts({70, 70}, 320), 1u);
  EXPECT_EQ(parts({50, 50, 70, 59, 59}, 600), 2u) << "what leaves no room is not heard";
  EXPECT_EQ(parts({60, 80, 30, 20}, 400), 1u) << "a rest below 60 is shared";
  EXPECT_EQ(parts({40, 40, 70}, 0, 0.557, 90), 2u);
  EXPECT_EQ(parts({500}), 1u);
}

class StrandSpeech : public ::testing::Test {
 protected:
  static Engine& engine() {
    static const std::unique_ptr<Engine> engine = Engine::load(tiny_options());
    return *engine;
  }
  static SpeechRequest request(Continuity continuity) {
    SpeechRequest request;
    request.text =
        "This is the first sentence of two. This is the second sentence, after it. And "
        "this is another one.\n\nThis begins a paragraph, which has two sentences. So "
        "it ends, and then there is nothing at all to be said about it any more.";
    request.parameters = parameters_of(Profile::kNatural);
    request.parameters.num_steps = 2;
    request.parameters.seed = 3;
    request.parameters.max_chars_per_chunk = 60;
    request.parameters.max_rerolls = 0;
    // The model never ends: a window that grew would leave no room for what follows.
    request.parameters.sequence_length = 96;
    request.parameters.trim_head = request.parameters.trim_tail = false;
    request.parameters.continuity = continuity;
    return request;
  }
};

TEST_F(StrandSpeech, ChunksOfAParagraphContinueAndParagraphsBegin) {
  const SpeechResult result = engine().speak(request(Continuity::kParagraph));
  ASSERT_GE(result.chunks.size(), 4u);
  std::vector<std::string> joined;
  for (const SpokenChunk& chunk : result.chunks) {
    joined.push_back(chunk.joined);
    EXPECT_EQ(chunk.prefix_frames > 0, chunk.joined == "continued");
    EXPECT_EQ(chunk.prefix_frames % 4, 0);
    EXPECT_GE(chunk.end_seconds, chunk.start_seconds);
  }
  EXPECT_EQ(joined.at(0), "first");
  EXPECT_EQ(std::count(joined.begin(), joined.end(), "first"), 2);
  EXPECT_EQ(joined.at(1), "continued");
}

TEST_F(StrandSpeech, IsOneRunOfTheDecoderWhateverTheDelivery) {
  SpeechRequest whole = request(Continuity::kText);
  const SpeechResult result = engine().speak(whole);
  SpeechRequest streamed = request(Continuity::kText);
  streamed.delivery = SpeechDelivery::kInOrder;
  SpeechStream stream = engine().start(streamed);
  const SpeechResult heard = stream.collect();
  EXPECT_EQ(heard.samples, result.samples);
  // The first chunk hears nothing before it: it is that of a request of its own.
  SpeechRequest alone = request(Continuity::kNone);
  alone.parameters.cfg_scale_speaker = 5;
  const SpeechResult first = engine().speak(alone);
  const size_t same = static_cast<size_t>(result.chunks[0].end_seconds * kModelRate) / 2;
  ASSERT_GT(same, 10000u);
  EXPECT_TRUE(std::equal(result.samples.begin(),
                         result.samples.begin() + static_cast<ptrdiff_t>(same),
                         first.samples.begin()));
}

TEST_F(StrandSpeech, GivesTheSameTwice) {
  EXPECT_EQ(engine().speak(request(Continuity::kText)).samples,
            engine().speak(request(Continuity::kText)).samples);
}

// A judge that finds `reason` in the takes of texts that `wants` says.
ChunkJudge judge_of(std::string reason, std::function<bool(const ChunkTake&)> wants) {
  return [reason = std::move(reason), wants = std::move(wants)](const ChunkTake& take) {
    ChunkVerdict verdict;
    if (!wants(take)) return verdict;
    verdict.action = ChunkVerdict::Action::kRetake;
    verdict.score = 10;
    verdict.reasons = {reason};
    verdict.warnings = {"it is not as it should be"};
    return verdict;
  };
}

std::string text_of(const SpeechResult& result) {
  std::string text;
  for (const SpokenChunk& chunk : result.chunks) text += (text.empty() ? "" : " ") + chunk.text;
  return text;
}

TEST_F(StrandSpeech, ATakeWithoutEndHearsLessAndIsThenDivided) {
  SpeechRequest endless = request(Continuity::kText);
  endless.parameters.max_chars_per_chunk = 90;
  endless.parameters.max_rerolls = 2;
  const SpeechResult clean = engine().speak(endless);
  endless.judge = judge_of("no_end", [](const ChunkTake& take) { return take.text.size() > 60; });
  const SpeechResult result = engine().speak(endless);
  EXPECT_EQ(text_of(result), text_of(clean)) << "every word is spoken once";
  bool heard_less = false;
  for (const SpokenChunk& chunk : result.chunks) {
    SCOPED_TRACE(chunk.text + " " + std::to_string(chunk.attempts) + " " +
                 std::to_string(chunk.prefix_frames));
    EXPECT_LE(chunk.attempts, 3);
    // What stays without an end cannot be divided, or has had its three takes.
    EXPECT_TRUE(chunk.reasons.empty() || chunk.text.find(". ") == std::string::npos ||
                chunk.attempts == 3);
    heard_less = heard_less || (chunk.attempts > 1 && chunk.prefix_frames == 0);
  }
  EXPECT_TRUE(heard_less);
  EXPECT_TRUE(std::any_of(result.chunks.begin(), result.chunks.end(), [](const SpokenChunk& chunk) {
    return chunk.attempts > 1 && chunk.reasons.empty();
  })) << "a part comes to an end that the whole did not";
}

TEST_F(StrandSpeech, AnEmptyTakeHearsLess) {
  SpeechRequest request = StrandSpeech::request(Continuity::kText);
  request.parameters.max_rerolls = 2;
  request.judge = judge_of(
      "empty", [](const ChunkTake& take) { return take.attempt == 0 && take.goes_on_from; });
  const SpeechResult result = engine().speak(request);
  size_t fresh = 0;
  for (const SpokenChunk& chunk : result.chunks) {
    if (chunk.attempts == 1) continue;
    EXPECT_EQ(chunk.attempts, 2);
    EXPECT_EQ(chunk.retake_reasons, std::vector<std::string>{"empty"});
    fresh += chunk.joined == "fresh" && chunk.prefix_frames == 0 ? 1 : 0;
  }
  EXPECT_GT(fresh, 0u);
}

TEST_F(StrandSpeech, TheThirdBadTakeBeginsAfresh) {
  for (const char* reason : {"level_jump", "pitch_jump", "repeated", "silence_inside", "short"}) {
    SpeechRequest request = StrandSpeech::request(Continuity::kText);
    request.parameters.max_rerolls = 2;
    request.judge = judge_of(reason, [](const ChunkTake& take) { return take.goes_on_from; });
    const SpeechResult result = engine().speak(request);
    ASSERT_GE(result.chunks.size(), 2u);
    EXPECT_EQ(result.chunks[1].attempts, 3);
    EXPECT_EQ(result.chunks[1].joined, "fallback");
    EXPECT_EQ(result.chunks[1].retake_reasons, (std::vector<std::string>{reason, reason}));
    EXPECT_TRUE(result.chunks[1].reasons.empty()) << "the third is judged by itself";
  }
}

TEST_F(StrandSpeech, NoTakeIsMadeThatWouldMissTheDeadline) {
  SpeechRequest request = StrandSpeech::request(Continuity::kNone);
  request.parameters.max_rerolls = 2;
  request.judge = judge_of("noise", [](const ChunkTake&) { return true; });
  request.deadline = std::chrono::steady_clock::now();  // a take takes longer than nothing
  const SpeechResult result = engine().speak(request);
  for (const SpokenChunk& chunk : result.chunks) EXPECT_EQ(chunk.attempts, 1);
  EXPECT_TRUE(std::any_of(result.warnings.begin(), result.warnings.end(), [](const auto& warning) {
    return warning.find("too late") != std::string::npos;
  }));
}

TEST_F(StrandSpeech, NeedsTheBlockwiseWeights) {
  EngineOptions options = tiny_options();
  options.blockwise = false;
  const auto other = Engine::load(options);
  try {
    other->speak(request(Continuity::kText));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(std::string(error.what()).find("continuity"), std::string::npos);
  }
}

}  // namespace
}  // namespace echo
