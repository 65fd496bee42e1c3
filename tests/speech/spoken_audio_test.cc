// A stream of samples becomes the bytes of a file, at the pace of whoever takes them.
#include "speech/spoken_audio.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <future>
#include <mutex>

#include "audio/decode.h"
#include "base/error.h"
#include "engine/speech_pipe.h"
#include "speech/job_failure.h"
#include "support/fake_speech.h"
#include "support/thrown_error.h"

namespace echo {
namespace {

using namespace std::chrono_literals;

SpokenAudioOptions wav(AudioEncoder::Mode mode = AudioEncoder::Mode::kStream) {
  SpokenAudioOptions options;
  options.encoding.format = AudioFormat::kWav;
  options.encoding.sample_rate = kModelRate;
  options.mode = mode;
  return options;
}

class SpokenAudioTest : public testing::Test {
 protected:
  // A second of sound.
  void speak(double seconds = 1) {
    pipe_->push(FakeSpeech::tone(static_cast<size_t>(seconds * kModelRate)));
  }
  SpeechStream stream() { return SpeechStream(pipe_); }

  std::shared_ptr<SpeechPipe> pipe_ = [] {
    auto pipe = std::make_shared<SpeechPipe>();
    pipe->start();
    return pipe;
  }();
};

TEST_F(SpokenAudioTest, TheWholeFileIsTheCollectedStream) {
  speak();
  speak(0.5);
  pipe_->succeed({});
  SpeechStream speech = stream();
  std::vector<std::string> pieces;
  const SpokenAudioSummary summary =
      encode_speech(speech, wav(AudioEncoder::Mode::kWhole), [&](std::string_view bytes) {
        pieces.emplace_back(bytes);
        return true;
      });
  std::vector<float> samples = FakeSpeech::tone(kModelRate);
  const std::vector<float> rest = FakeSpeech::tone(kModelRate / 2);
  samples.insert(samples.end(), rest.begin(), rest.end());
  EXPECT_EQ(pieces, std::vector<std::string>{encode_audio(samples, wav().encoding)});
  EXPECT_EQ(summary.bytes, pieces[0].size());
  EXPECT_EQ(summary.speech.sample_count, samples.size());
  EXPECT_TRUE(summary.first_audio_seconds && summary.first_bytes_seconds);
}

TEST_F(SpokenAudioTest, BytesComeWithTheSoundBeforeTheNextIsMade) {
  SpokenAudio audio(stream(), wav());
  size_t bytes = 0;
  for (int i = 1; i <= 3; ++i) {
    speak();
    // The header once, and all samples that there are.
    while (bytes < 44u + 2u * kModelRate * i) bytes += audio.next()->size();
    EXPECT_EQ(bytes, 44u + 2u * kModelRate * i);
    EXPECT_FALSE(audio.wait_for(0ms));
  }
  pipe_->succeed({});
  EXPECT_EQ(audio.next(), std::nullopt);
  EXPECT_EQ(audio.finish().bytes, bytes);
}

TEST_F(SpokenAudioTest, ASlowReaderHoldsUpTheEncoderAndNotTheMaker) {
  SpokenAudioOptions options = wav();
  options.unread_bytes = 100'000;
  SpokenAudio audio(stream(), options);
  for (int i = 0; i < 60; ++i) speak();  // returns though nobody reads
  pipe_->succeed({});
  size_t bytes = 0;
  while (const auto piece = audio.next()) bytes += piece->size();
  EXPECT_EQ(bytes, 44u + 60u * 2u * kModelRate);
}

TEST_F(SpokenAudioTest, TellsAReaderThatMustNotWait) {
  std::promise<void> ready;
  std::once_flag once;
  std::atomic<bool> called = false;
  SpokenAudio audio(stream(), wav());
  audio.when_ready([&] { std::call_once(once, [&] { ready.set_value(); }); });
  std::future<void> told = ready.get_future();
  EXPECT_EQ(told.wait_for(0ms), std::future_status::timeout);
  speak();
  told.wait();
  EXPECT_TRUE(audio.wait_for(0ms));
  pipe_->succeed({});
  while (audio.next()) {
  }
  audio.when_ready([&] { called = true; });
  EXPECT_TRUE(called) << "the end is ready";
}

TEST_F(SpokenAudioTest, LeavingCancelsTheRequest) {
  {
    SpokenAudioOptions options = wav();
    options.unread_bytes = 0;
    SpokenAudio audio(stream(), options);
    for (int i = 0; i < 5; ++i) speak();
    audio.next();
  }
  EXPECT_TRUE(pipe_->cancelled().stop_requested());
}

TEST_F(SpokenAudioTest, ASinkThatWantsNoMoreCancels) {
  SpeechStream speech = stream();
  for (int i = 0; i < 5; ++i) speak();
  int taken = 0;
  const Error error = error_of(
      [&] { encode_speech(speech, wav(), [&](std::string_view) { return ++taken < 2; }); });
  EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  EXPECT_EQ(taken, 2);
  EXPECT_TRUE(pipe_->cancelled().stop_requested());
}

TEST_F(SpokenAudioTest, AFailureComesAfterWhatWasSpoken) {
  SpokenAudio audio(stream(), wav());
  speak();
  EXPECT_TRUE(audio.next());
  pipe_->fail({ErrorCode::kUnavailable, "no memory"});
  EXPECT_EQ(error_of([&] {
              while (audio.next()) {
              }
            }).code(),
            ErrorCode::kUnavailable);
}

TEST_F(SpokenAudioTest, WhatIsNoSoundIsRejected) {
  pipe_->push({0, std::nanf("")});
  SpeechStream speech = stream();
  const auto sink = [](std::string_view) { return true; };
  try {
    encode_speech(speech, wav(), sink);
    FAIL();
  } catch (...) {
    const JobFailure failure = failure_of(std::current_exception(), {});
    EXPECT_EQ(failure.kind, "audio_rejected");
    EXPECT_FALSE(failure.fatal);
  }
}

TEST_F(SpokenAudioTest, ACancelledFileCanBeClosedProperly) {
  SpokenAudioOptions options;
  options.encoding.format = AudioFormat::kOggOpus;
  options.close_when_cancelled = true;
  SpokenAudio audio(stream(), options);
  speak();
  std::string file = *audio.next();
  audio.cancel();
  EXPECT_EQ(error_of([&] {
              while (const auto bytes = audio.next()) file += *bytes;
            }).code(),
            ErrorCode::kCancelled);
  const DecodedAudio decoded = decode_audio_bytes(file, "cancelled.ogg");
  EXPECT_NEAR(static_cast<double>(decoded.samples.size()) / decoded.sample_rate, 1, 0.03);
}

}  // namespace
}  // namespace echo
