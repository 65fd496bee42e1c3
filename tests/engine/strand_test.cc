// What a chunk hears of those before it.
#include "engine/strand.h"

#include <gtest/gtest.h>

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
