#include "engine/engine.h"

#include <gtest/gtest.h>

#include <future>
#include <latch>
#include <set>

#include "base/error.h"
#include "engine/engine_fixture.h"
#include "support/thrown_error.h"

namespace echo {
namespace {

// A request that runs until it is cancelled, for the purposes of a test.
SpeechRequest endless_request() {
  SpeechRequest request = short_request(1);
  request.parameters.num_steps = 1000;
  request.parameters.sequence_length = 64;
  return request;
}

// Callbacks that hold the device's thread after the first step until they are let go.
struct Gate {
  SpeechCallbacks callbacks() {
    return {[this](const SpeechProgress& progress) {
      if (progress.step == 1) entered.count_down();
      open.wait();
    }};
  }
  std::latch entered{1}, open{1};
};

class EngineTest : public ::testing::Test {
 protected:
  static Engine& engine() { return tiny_engine(); }
};

TEST_F(EngineTest, SpeaksAndSaysHow) {
  SpeechRequest request = short_request(4);
  request.text = "This is the first sentence of two. This is the second sentence, after it.";
  request.parameters.max_chars_per_chunk = 40;
  request.voice = recorded_voice("nearly_chunk");
  const SpeechResult result = engine().speak(request);
  ASSERT_EQ(result.chunks.size(), 2u);
  EXPECT_EQ(result.chunks[0].text_chars, 34);
  EXPECT_EQ(result.chunks[0].seed, 4u);
  EXPECT_EQ(result.chunks[1].seed, 1004u);
  EXPECT_GT(result.seconds(), 0.1);
  EXPECT_EQ(result.voice_cache, VoiceCacheUse::kMiss);
  EXPECT_GT(result.timings.voice, 0);
  EXPECT_GT(result.timings.text, 0);
  EXPECT_GT(result.timings.diffusion, 0);
  EXPECT_GT(result.timings.decode, 0);
  EXPECT_GE(result.timings.total, result.timings.diffusion + result.timings.decode);
}

// Steps at 0.999, 0.666 and 0.333, the first two guided.
TEST_F(EngineTest, CountsEvaluations) {
  const auto evaluations = [&](auto change) {
    SpeechRequest request = short_request(1);
    change(request);
    const SpeechResult result = engine().speak(request);
    EXPECT_EQ(result.chunks.size(), 1u);
    return result.evaluations;
  };
  EXPECT_EQ(evaluations([](SpeechRequest&) {}), 2 + 2 + 1);
  EXPECT_EQ(evaluations([](SpeechRequest& r) { r.voice = recorded_voice("nearly_chunk"); }),
            3 + 3 + 1);
  EXPECT_EQ(evaluations([](SpeechRequest& r) { r.parameters.cfg_interval = 2; }), 2 + 1 + 1);
  EXPECT_EQ(evaluations([](SpeechRequest& r) { r.parameters.solver = Solver::kAb2; }), 2 + 2 + 1);
  EXPECT_EQ(evaluations([](SpeechRequest& r) { r.parameters.solver = Solver::kHeun; }),
            2 + 2 + 2 + 2 + 1);
}

TEST_F(EngineTest, SameRequestGivesTheSameSamples) {
  EXPECT_EQ(engine().speak(short_request(7)).samples, engine().speak(short_request(7)).samples);
  EXPECT_NE(engine().speak(short_request(7)).samples, engine().speak(short_request(8)).samples);
}

TEST_F(EngineTest, SeedOfALaterChunkWrapsAround) {
  SpeechRequest request = short_request(0xffffffffffffffffu);
  request.text = "This is the first sentence of two. This is the second sentence, after it.";
  request.parameters.max_chars_per_chunk = 40;
  EXPECT_EQ(engine().speak(request).chunks.at(1).seed, 999u);
}

TEST_F(EngineTest, ReportsEveryStep) {
  SpeechRequest request = short_request(1);
  request.text = "This is the first sentence of two. This is the second sentence, after it.";
  request.parameters.max_chars_per_chunk = 40;
  std::set<std::pair<int64_t, int64_t>> seen;
  double last = 0;
  SpeechCallbacks callbacks;
  callbacks.progress = [&](const SpeechProgress& progress) {
    EXPECT_EQ(progress.chunks, 2);
    EXPECT_EQ(progress.steps, 3);
    EXPECT_GT(progress.fraction, last);
    last = progress.fraction;
    EXPECT_TRUE(seen.insert({progress.chunk, progress.step}).second);
  };
  engine().speak(request, callbacks);
  EXPECT_EQ(seen.size(), 6u);
  EXPECT_EQ(seen.count({2, 3}), 1u);
  EXPECT_DOUBLE_EQ(last, 1);
}

TEST_F(EngineTest, RefusesBadRequestsBeforeAnyWork) {
  const auto refused = [](auto change) {
    SpeechRequest request = short_request(1);
    change(request);
    const Error error = error_of([&] { engine().start(request); });
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument) << error.what();
    return std::string(error.what());
  };
  EXPECT_NE(refused([](auto& r) { r.text = ""; }).find("text"), std::string::npos);
  EXPECT_NE(refused([](auto& r) { r.text = " \n\t "; }).find("text"), std::string::npos);
  refused([](auto& r) { r.text = "caf\xc3"; });
  refused([](auto& r) { r.text = std::string("a\0b", 3); });
  EXPECT_NE(refused([](auto& r) { r.text.assign(100000, 'a'); }).find("20000"), std::string::npos);
  EXPECT_NE(refused([](auto& r) { r.parameters.num_steps = 0; }).find("num_steps"),
            std::string::npos);
  EXPECT_NE(refused([](auto& r) { r.parameters.cfg_min_t = 2; }).find("cfg_min_t"),
            std::string::npos);
  refused([](auto& r) { r.voice = VoiceReference{"", [] { return std::vector<float>(); }}; });
  refused([](auto& r) { r.voice = voice_of_samples({0.0f, NAN}); });
  // Without chunking a text that the model cannot read whole is refused, not cut.
  refused([](auto& r) {
    r.text.assign(800, 'a');
    r.parameters.max_chars_per_chunk = 0;
  });
}

TEST_F(EngineTest, RefusesAVoiceThatIsTooShort) {
  SpeechRequest request = short_request(1);
  request.voice = recorded_voice("lt_frame");
  const Error error = error_of([&] { engine().speak(request); });
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(std::string(error.what()).find("8192"), std::string::npos) << error.what();
}

TEST_F(EngineTest, PassesOnWhatTheLoaderOfAVoiceThrows) {
  SpeechRequest request = short_request(1);
  request.voice = VoiceReference{
      "gone", []() -> std::vector<float> { throw_not_found("voice x.wav: no such file"); }};
  EXPECT_EQ(error_of([&] { engine().start(request); }).code(), ErrorCode::kNotFound);
}

TEST_F(EngineTest, EncodesAVoiceOnce) {
  SpeechRequest request = short_request(1);
  int loads = 0;
  const std::vector<float> samples = golden("tiny").floats("speaker_latent/audio.ragged");
  request.voice = VoiceReference{"a voice", [&] {
                                   ++loads;
                                   return samples;
                                 }};
  const SpeechResult first = engine().speak(request);
  const SpeechResult second = engine().speak(request);
  EXPECT_EQ(first.voice_cache, VoiceCacheUse::kMiss);
  EXPECT_EQ(second.voice_cache, VoiceCacheUse::kHit);
  EXPECT_EQ(loads, 1);
  EXPECT_EQ(first.samples, second.samples);
  EXPECT_NE(first.samples, engine().speak(short_request(1)).samples);
}

TEST_F(EngineTest, EncodesAVoiceOnceForRequestsThatComeTogether) {
  Gate gate;
  SpeechStream gated = engine().start(short_request(1), gate.callbacks());
  gate.entered.wait();
  SpeechRequest request = short_request(1);
  const std::vector<float> samples = golden("tiny").floats("speaker_latent/audio.ragged");
  request.voice = VoiceReference{"a new voice", [&] { return samples; }};
  SpeechStream first = engine().start(request), second = engine().start(request);
  gate.open.count_down();
  const SpeechResult encoded = first.collect(), found = second.collect();
  EXPECT_EQ(encoded.voice_cache, VoiceCacheUse::kMiss);
  EXPECT_EQ(found.voice_cache, VoiceCacheUse::kHit);
  EXPECT_EQ(encoded.samples, found.samples);
  gated.collect();
}

TEST_F(EngineTest, ServesManyAtOnceAsEachAlone) {
  std::vector<SpeechRequest> requests;
  for (uint64_t i = 0; i < 6; ++i) {
    SpeechRequest request = short_request(i);
    request.parameters.num_steps = 2 + static_cast<int64_t>(i);
    request.parameters.sequence_length = 5 + 3 * static_cast<int64_t>(i);
    if (i % 2 == 1) request.voice = recorded_voice("nearly_chunk");
    if (i == 2) {
      request.text = "This is the first sentence of two. This is the second sentence, after it.";
      request.parameters.max_chars_per_chunk = 40;
    }
    if (i == 4) request.parameters.block_sizes = {4, 6};
    requests.push_back(request);
  }
  std::vector<std::vector<float>> alone;
  for (const SpeechRequest& request : requests) alone.push_back(engine().speak(request).samples);
  std::vector<SpeechStream> streams;
  for (const SpeechRequest& request : requests) streams.push_back(engine().start(request));
  for (size_t i = 0; i < streams.size(); ++i) {
    EXPECT_EQ(streams[i].collect().samples, alone[i]) << i;
  }
}

TEST_F(EngineTest, ManyThreadsMaySubmit) {
  const std::vector<float> expected = engine().speak(short_request(3)).samples;
  std::vector<std::future<std::vector<float>>> results;
  for (int i = 0; i < 8; ++i) {
    results.push_back(
        std::async(std::launch::async, [] { return engine().speak(short_request(3)).samples; }));
  }
  for (auto& result : results) EXPECT_EQ(result.get(), expected);
}

TEST_F(EngineTest, CancelledRequestTakesNoFurtherStep) {
  std::stop_source stop;
  int steps = 0;
  SpeechCallbacks callbacks;
  callbacks.progress = [&](const SpeechProgress&) {
    if (++steps == 2) stop.request_stop();
  };
  const Error error =
      error_of([&] { engine().speak(endless_request(), callbacks, stop.get_token()); });
  EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  EXPECT_EQ(steps, 2);
}

TEST_F(EngineTest, RequestThatIsCancelledBeforeItIsSubmittedDoesNothing) {
  std::stop_source stop;
  stop.request_stop();
  int steps = 0;
  SpeechCallbacks callbacks;
  callbacks.progress = [&](const SpeechProgress&) { ++steps; };
  EXPECT_EQ(
      error_of([&] { engine().speak(endless_request(), callbacks, stop.get_token()); }).code(),
      ErrorCode::kCancelled);
  EXPECT_LE(steps, 1);
}

TEST_F(EngineTest, NewRequestJoinsWhileAnotherRuns) {
  std::promise<void> started;
  int64_t steps_of_long = 0;
  SpeechCallbacks callbacks;
  callbacks.progress = [&](const SpeechProgress& progress) {
    steps_of_long = progress.step;
    if (progress.step == 1) started.set_value();
  };
  SpeechStream endless = engine().start(endless_request(), callbacks);
  started.get_future().wait();
  engine().speak(short_request(1));
  EXPECT_FALSE(endless.wait_for(std::chrono::milliseconds(0)));
  endless.cancel();
  EXPECT_EQ(error_of([&] { endless.collect(); }).code(), ErrorCode::kCancelled);
  EXPECT_LT(steps_of_long, 1000);
}

TEST_F(EngineTest, DroppedStreamCancelsItsRequest) {
  std::promise<void> started;
  SpeechCallbacks callbacks;
  callbacks.progress = [&](const SpeechProgress& progress) {
    if (progress.step == 1) started.set_value();
  };
  {
    const SpeechStream stream = engine().start(endless_request(), callbacks);
    started.get_future().wait();
  }
  engine().speak(short_request(1));
  while (engine().status().running > 0) std::this_thread::yield();
}

TEST_F(EngineTest, FailureOfOneRequestDoesNotTouchAnother) {
  SpeechRequest good = short_request(5);
  good.parameters.num_steps = 8;
  const std::vector<float> expected = engine().speak(good).samples;

  Gate gate;  // holds all of them in the device's hands together
  SpeechStream gated = engine().start(short_request(1), gate.callbacks());
  gate.entered.wait();
  SpeechStream before = engine().start(good);
  SpeechCallbacks throwing;
  throwing.progress = [](const SpeechProgress& progress) {
    if (progress.step == 2) throw std::runtime_error("the caller's own defect");
  };
  SpeechStream bad = engine().start(short_request(2), throwing);
  SpeechStream after = engine().start(good);
  gate.open.count_down();

  const Error error = error_of([&] { bad.collect(); });
  EXPECT_EQ(error.code(), ErrorCode::kInternal);
  EXPECT_STREQ(error.what(), "the caller's own defect");
  EXPECT_EQ(before.collect().samples, expected);
  EXPECT_EQ(after.collect().samples, expected);
  gated.collect();
}

TEST(EngineQueue, IsBoundedAndFreedByCancelling) {
  EngineOptions options = tiny_options();
  options.max_requests = 1;
  options.queue_capacity = 1;
  const auto engine = Engine::load(options);
  Gate gate;
  SpeechStream running = engine->start(short_request(1), gate.callbacks());
  gate.entered.wait();
  SpeechStream waiting = engine->start(short_request(2));
  EXPECT_EQ(engine->status().waiting, 1u);
  const Error full = error_of([&] { engine->start(short_request(3)); });
  EXPECT_EQ(full.code(), ErrorCode::kUnavailable);
  // A waiting request is answered at once, though the device is busy.
  waiting.cancel();
  EXPECT_EQ(error_of([&] { waiting.collect(); }).code(), ErrorCode::kCancelled);
  SpeechStream next = engine->start(short_request(3));
  gate.open.count_down();
  EXPECT_FALSE(running.collect().samples.empty());
  EXPECT_FALSE(next.collect().samples.empty());
}

TEST(EngineShutdown, AnswersRunningAndWaitingRequests) {
  EngineOptions options = tiny_options();
  options.max_requests = 1;
  auto engine = Engine::load(options);
  std::promise<void> started;
  SpeechCallbacks callbacks;
  callbacks.progress = [&](const SpeechProgress& progress) {
    if (progress.step == 1) started.set_value();
  };
  SpeechStream running = engine->start(endless_request(), callbacks);
  SpeechStream waiting = engine->start(short_request(2));
  started.get_future().wait();
  engine.reset();
  EXPECT_EQ(error_of([&] { running.collect(); }).code(), ErrorCode::kCancelled);
  EXPECT_EQ(error_of([&] { waiting.collect(); }).code(), ErrorCode::kCancelled);
}

TEST(EngineShutdown, OfAnIdleEngineEnds) { Engine::load(tiny_options()).reset(); }

TEST(EngineLoad, SaysWhatItIs) {
  const auto engine = Engine::load(tiny_options());
  EXPECT_EQ(engine->info().device, "cpu");
  EXPECT_EQ(engine->info().precision, "float32");
  EXPECT_EQ(engine->info().codec_precision, "float32");
  EXPECT_EQ(engine->info().noise, "cpu");
  EXPECT_TRUE(engine->info().blockwise);
  EXPECT_GE(engine->info().max_requests, 4u);
}

TEST(EngineLoad, TellsItsStagesInTheirOrder) {
  std::vector<std::string> stages;
  EngineOptions options = tiny_options();
  options.stage_done = [&](const std::string& stage) { stages.push_back(stage); };
  const auto engine = Engine::load(options);
  EXPECT_EQ(stages, (std::vector<std::string>{"map", "load"}));
  EXPECT_GT(engine->info().file_bytes, engine->info().read_bytes);
}

TEST(EngineLoad, LeavesOutTheBlockwisePartWhenAsked) {
  EngineOptions options = tiny_options();
  options.blockwise = false;
  const auto engine = Engine::load(options);
  EXPECT_FALSE(engine->info().blockwise);
  SpeechRequest request = short_request(1);
  request.parameters.block_sizes = {4, 4};
  EXPECT_EQ(error_of([&] { engine->start(request); }).code(), ErrorCode::kInvalidArgument);
  request.parameters.block_sizes = {4};
  EXPECT_FALSE(engine->speak(request).samples.empty());
}

TEST(EngineLoad, RefusesFilesThatAreMissingOrMixedUp) {
  EngineOptions options = tiny_options();
  options.files.codec = options.files.dit;
  EXPECT_EQ(error_of([&] { Engine::load(options); }).code(), ErrorCode::kCorrupt);
  options = tiny_options();
  options.files.pca += ".missing";
  EXPECT_EQ(error_of([&] { Engine::load(options); }).code(), ErrorCode::kNotFound);
  options = tiny_options();
  options.device.name = "abacus";
  EXPECT_EQ(error_of([&] { Engine::load(options); }).code(), ErrorCode::kInvalidArgument);
}

TEST(EngineLoad, ForcedBFloat16SpeaksNearlyTheSame) {
  EngineOptions options = tiny_options();
  options.precision = Precision::kBFloat16;
  const auto engine = Engine::load(options);
  // Where the device has no fast bfloat16 the products stay in float32.
  EXPECT_TRUE(engine->info().precision == "bfloat16" || engine->info().precision == "float32");
  EXPECT_FALSE(engine->speak(short_request(1)).samples.empty());
}

TEST(EngineLoad, EightBitPrecisionsThatTheDeviceLacksAreNamed) {
  EngineOptions options = tiny_options();
  options.device.name = "cpu";
  options.precision = Precision::kFloat8;
  const Error error = error_of([&] { Engine::load(options); });
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(std::string(error.what()).find("float32, bf16"), std::string::npos) << error.what();
  for (const Precision precision : {Precision::kInt8, Precision::kFloat8}) {
    options = tiny_options();
    options.codec_precision = precision;
    EXPECT_EQ(error_of([&] { Engine::load(options); }).code(), ErrorCode::kInvalidArgument);
  }
}

// Where the processor has no products of 8 bits, the other precisions take their place.
TEST(EngineLoad, Int8SpeaksOnACpu) {
  EngineOptions options = tiny_options();
  options.device.name = "cpu";
  options.precision = Precision::kInt8;
  options.wide_blocks = 1;
  const auto engine = Engine::load(options);
  const std::set<std::string> possible{"int8", "bfloat16", "float32"};
  EXPECT_TRUE(possible.count(engine->info().precision)) << engine->info().precision;
  EXPECT_FALSE(engine->speak(short_request(1)).samples.empty());
}

}  // namespace
}  // namespace echo
