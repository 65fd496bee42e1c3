// What a chunk hears of those before it.
#include "engine/strand.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <functional>
#include <future>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>

#include "audio/voice.h"
#include "base/error.h"
#include "base/kind_error.h"
#include "engine/engine_fixture.h"
#include "engine/sampler_parameters.h"
#include "models/pca_state.h"
#include "nn/weights.h"
#include "support/temp_dir.h"
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

// A chunk that has been spoken, with latents that are its own.
struct Said {
  PlannedChunk text;
  std::vector<float> latents;
};

TEST(Strand, GivesWholeChunksBitForBitWithTheirWords) {
  const std::unique_ptr<Backend> backend = test_backend();
  const ModelFiles files = tiny_files();
  const LayerContext context{*backend, DType::kFloat32};
  const Codec codec(context, Weights::open(files.codec), read_pca_state(Weights::open(files.pca)));
  const auto planned = [](const std::string& text, int speaker) {
    PlannedChunk chunk;
    chunk.text = text;
    chunk.speaker = speaker;
    chunk.model_text = "[S" + std::to_string(speaker) + "] " + text;
    return chunk;
  };
  std::mt19937 random(1);
  Strand strand;
  std::vector<Said> said;
  const std::vector<std::pair<std::string, int>> texts = {
      {"One comes first.", 1}, {"Two comes after it.", 1}, {"\u00dcber three.", 2}, {"Four.", 1}};
  for (const auto& [text, speaker] : texts) {
    const auto frames = static_cast<int64_t>(4 * (5 + random() % 10));
    Said one{planned(text, speaker), std::vector<float>(static_cast<size_t>(frames * 80))};
    for (float& value : one.latents) value = static_cast<float>(random() % 1000) / 500 - 1;
    strand.add(one.text, from_host(*backend, one.latents, frames, 80), frames,
               Codec::Decoder(codec));
    said.push_back(std::move(one));
  }
  const PlannedChunk next = planned("Five ends it.", 2);
  const auto bits = [&](size_t first) {
    std::vector<float> values;
    for (size_t i = first; i < said.size(); ++i) {
      values.insert(values.end(), said[i].latents.begin(), said[i].latents.end());
    }
    return values;
  };
  // Only the last three are kept.
  Strand::Continuation heard = strand.continue_with(next);
  EXPECT_EQ(heard.plan.parts, 3u);
  EXPECT_EQ(heard.latents.to_host(), bits(1));
  EXPECT_EQ(heard.model_text,
            "[S1] Two comes after it. [S2] \u00dcber three. [S1] Four. [S2] Five ends it.");
  heard = strand.continue_with(next, 2);
  EXPECT_EQ(heard.latents.to_host(), bits(2));
  EXPECT_EQ(heard.model_text, "[S2] \u00dcber three. [S1] Four. [S2] Five ends it.");
  heard = strand.continue_with(planned("Five ends it.", 1), 1);
  EXPECT_EQ(heard.model_text, "[S1] Four. Five ends it.") << "a tag only where the speaker changes";
  heard = strand.continue_with(next, 0);
  EXPECT_EQ(heard.latents.rows(), 0);
  EXPECT_EQ(heard.model_text, next.model_text);
}

class StrandSpeech : public ::testing::Test {
 protected:
  static Engine& engine() { return tiny_engine(); }
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
  EXPECT_EQ(result.strands, 2);
  EXPECT_EQ(engine().speak(request(Continuity::kText)).strands, 1);
  EXPECT_EQ(engine().speak(request(Continuity::kNone)).strands, 0);
  // What a chunk hears are the new frames of those before it, from the last on.
  for (size_t i = 1; i < result.chunks.size(); ++i) {
    int64_t heard = 0;
    for (size_t k = i; k > 0 && heard < result.chunks[i].prefix_frames; --k) {
      heard += result.chunks[k - 1].new_frames;
    }
    EXPECT_EQ(heard, result.chunks[i].prefix_frames) << i;
  }
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

TEST_F(StrandSpeech, HaveAScaleOfTheirOwnUnlessOneIsAskedFor) {
  const auto spoken = [](const char* scale) {
    SpeechRequest request = StrandSpeech::request(Continuity::kText);
    request.voice = voice_of_samples(std::vector<float>(4 * kModelRate, 0.1F));
    if (scale) set_parameter(request.parameters, "cfg_scale_speaker", scale);
    return engine().speak(request).samples;
  };
  EXPECT_EQ(spoken(nullptr), spoken("5"));
  EXPECT_EQ(spoken("null"), spoken("5"));
  EXPECT_NE(spoken("8"), spoken("5"));
}

// What the judge is told of the pace: as the request says at the beginning of each strand.
TEST_F(StrandSpeech, BeginAtThePaceThatTheRequestKnows) {
  const auto paces = [](Continuity continuity, const char* pace) {
    SpeechRequest request = StrandSpeech::request(continuity);
    if (pace) set_parameter(request.parameters, "chars_per_second", pace);
    std::vector<double> heard;
    request.judge = [&heard](const ChunkTake& take) {
      if (!take.goes_on_from) heard.push_back(take.chars_per_second);
      return ChunkVerdict();
    };
    engine().speak(request);
    return heard;
  };
  for (const Continuity continuity : {Continuity::kNone, Continuity::kParagraph}) {
    const std::vector<double> usual = paces(continuity, nullptr), slow = paces(continuity, "8");
    ASSERT_GE(usual.size(), 2u);
    ASSERT_GE(slow.size(), 2u);
    for (const double pace : usual) EXPECT_NEAR(pace, 12, 0.01);
    for (const double pace : slow) EXPECT_NEAR(pace, 8, 1e-9);
  }
}

TEST_F(StrandSpeech, GivesTheSameTwice) {
  EXPECT_EQ(engine().speak(request(Continuity::kText)).samples,
            engine().speak(request(Continuity::kText)).samples);
}

// Copies a file of weights, with values that are no numbers in its last layer.
void spoil(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::ifstream in(from, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  uint64_t size = 0;
  std::memcpy(&size, bytes.data(), sizeof size);
  const auto header = nlohmann::json::parse(bytes.substr(8, size));
  const nlohmann::json& place = header.at("out_proj.bias").at("data_offsets");
  const auto data = bytes.begin() + static_cast<ptrdiff_t>(8 + size);
  std::fill(data + place[0].get<ptrdiff_t>(), data + place[1].get<ptrdiff_t>(), '\xff');
  std::ofstream(to, std::ios::binary) << bytes;
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

TEST_F(StrandSpeech, ATakeWithoutEndIsToldOf) {
  // The tiny model never comes to an end.
  const SpeechResult result = engine().speak(request(Continuity::kText));
  size_t told = 0;
  for (const std::string& warning : result.warnings) {
    told += warning.find("may be cut off") != std::string::npos ? 1 : 0;
  }
  EXPECT_EQ(told, result.chunks.size());
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
  for (const char* reason :
       {"level_jump", "pitch_jump", "repeated", "silence_inside", "short", "long"}) {
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

TEST_F(StrandSpeech, SentencesThatRunIntoEachOtherAreParted) {
  // The tiny model is never silent, so every pause is too short.
  const SpeechResult result = engine().speak(request(Continuity::kText));
  for (size_t i = 0; i + 1 < result.chunks.size(); ++i) {
    SCOPED_TRACE(i);
    const bool sentence = result.chunks[i].text.back() == '.';
    EXPECT_NEAR(result.chunks[i + 1].start_seconds - result.chunks[i].end_seconds,
                sentence ? 0.15 : 0, 0.03);
  }
}

TEST_F(StrandSpeech, ValuesThatAreNoNumbersEndIt) {
  const TempDir folder;
  EngineOptions options = tiny_options();
  options.files.dit = folder / "dit.safetensors";
  spoil(tiny_files().dit, options.files.dit);
  const auto broken = Engine::load(options);
  for (int i = 0; i < 2; ++i) {
    try {
      broken->speak(request(Continuity::kText));
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInternal);
      EXPECT_NE(std::string(error.what()).find("chunk 1"), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find("not finite"), std::string::npos) << error.what();
    }
  }
}

TEST_F(StrandSpeech, WhoLeavesEndsItWithinAStep) {
  std::promise<void> started;
  std::shared_future<void> is_started = started.get_future();
  std::optional<SpeechStream> stream;
  int steps_of_second = 0;
  SpeechCallbacks callbacks;
  callbacks.progress = [&](const SpeechProgress& progress) {
    if (progress.chunk < 2) return;
    ++steps_of_second;
    is_started.wait();
    stream->cancel();
  };
  SpeechRequest request = StrandSpeech::request(Continuity::kText);
  request.parameters.num_steps = 20;
  stream = engine().start(std::move(request), callbacks);
  started.set_value();
  try {
    stream->collect();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
  EXPECT_EQ(steps_of_second, 1);
  // The device is free for others.
  EXPECT_FALSE(engine().speak(short_request(1)).samples.empty());
}

TEST_F(StrandSpeech, WithoutAVoiceALaterStrandHasTheFirstChunksSpeaker) {
  // How the second paragraph begins when the first take of some chunk before it is not kept.
  const auto beginning = [&](std::string_view retaken) {
    SpeechRequest request = StrandSpeech::request(Continuity::kParagraph);
    request.parameters.max_rerolls = 1;
    auto heard = std::make_shared<std::vector<float>>();
    request.judge = [heard, retaken](const ChunkTake& take) {
      if (take.text.find("begins a paragraph") != std::string_view::npos && heard->empty()) {
        heard->assign(take.samples.begin(), take.samples.end());
      }
      ChunkVerdict verdict;
      if (take.attempt == 0 && take.text.find(retaken) != std::string_view::npos) {
        verdict = {ChunkVerdict::Action::kRetake, 10, {"noise"}, {"it is noise"}};
      }
      return verdict;
    };
    engine().speak(std::move(request));
    return *heard;
  };
  const std::vector<float> plain = beginning("no such text");
  ASSERT_FALSE(plain.empty());
  EXPECT_NE(beginning("the first sentence"), plain);
  EXPECT_EQ(beginning("another one"), plain) << "the last chunk before it has no part in it";
}

TEST_F(StrandSpeech, SilenceInEveryTakeIsAFailure) {
  for (const Continuity continuity : {Continuity::kNone, Continuity::kText}) {
    SpeechRequest silent = StrandSpeech::request(continuity);
    silent.parameters.max_rerolls = 1;
    silent.judge = judge_of("empty", [](const ChunkTake&) { return true; });
    try {
      engine().speak(silent);
      FAIL();
    } catch (const KindError& error) {
      EXPECT_EQ(error.kind(), "no_speech");
    }
    // Where some of it is heard, that is given, and what is wrong with the rest is told.
    silent.judge = judge_of("empty", [](const ChunkTake& take) {
      return take.text.find("first") == std::string_view::npos;
    });
    const SpeechResult partial = engine().speak(silent);
    EXPECT_FALSE(partial.warnings.empty());
    // As published: nothing is judged, what there is is given.
    silent.parameters.max_rerolls = 0;
    EXPECT_FALSE(engine().speak(silent).samples.empty());
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
