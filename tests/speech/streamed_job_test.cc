// Jobs whose audio comes as pieces: {"input": {"stream": true}}.
#include "speech/streamed_job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "audio/decode.h"
#include "audio/encode.h"
#include "speech/live_speech_jobs.h"
#include "support/base64_bytes.h"
#include "support/fake_clock.h"

namespace echo {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// ---- the pieces by themselves

class Pieces : public testing::Test {
 protected:
  SpeechPieces make(size_t piece_bytes = 100) {
    SpeechPieceOptions options;
    options.encoding = validate({AudioFormat::kMp3, 0, 0});
    options.field = "sound";
    options.piece_bytes = piece_bytes;
    return {options, [this](const Json& piece) { sent_.push_back(piece); }, clock_};
  }
  std::string bytes(size_t piece) const { return base64_bytes(sent_.at(piece).value("sound", "")); }

  FakeClock clock_;
  std::vector<Json> sent_;
};

TEST_F(Pieces, TheFirstLeavesAtOnceAndTheOthersGatherHalfASecond) {
  SpeechPieces pieces = make();
  pieces.add("abc", 0.5);
  ASSERT_EQ(sent_.size(), 1U);
  EXPECT_EQ(sent_[0], Json({{"index", 0},
                            {"sound", "YWJj"},
                            {"content_type", "audio/mpeg"},
                            {"sample_rate", 44100},
                            {"format", "mp3"},
                            {"start_seconds", 0.0},
                            {"seconds", 0.5}}));
  clock_.advance(499ms);
  pieces.add("de", 1.0);
  EXPECT_EQ(sent_.size(), 1U);
  clock_.advance(1ms);
  pieces.add("f", 1.25);
  ASSERT_EQ(sent_.size(), 2U);
  EXPECT_EQ(bytes(1), "def");
  EXPECT_EQ(sent_[1]["start_seconds"], 0.5);
  EXPECT_EQ(sent_[1]["seconds"], 0.75);
  pieces.add("g", 1.5);
  pieces.finish({{"duration", 1.5}});
  ASSERT_EQ(sent_.size(), 4U);
  EXPECT_EQ(bytes(2), "g");
  EXPECT_EQ(sent_[3], Json({{"index", 3}, {"final", true}, {"metadata", {{"duration", 1.5}}}}));
}

TEST_F(Pieces, NoneIsLargerThanItMayBe) {
  SpeechPieces pieces = make(10);
  pieces.add("1", 0.1);
  pieces.add("123456789", 1);  // a full piece does not wait for its time
  EXPECT_EQ(sent_.size(), 1U);
  pieces.add("0123456789012345", 2.6);
  ASSERT_EQ(sent_.size(), 4U);
  EXPECT_EQ(bytes(1) + bytes(2) + bytes(3), "1234567890123456789012345");
  double end = 0.1;
  for (size_t i = 1; i < sent_.size(); ++i) {
    EXPECT_LE(bytes(i).size(), 10U);
    EXPECT_NEAR(sent_[i]["start_seconds"].get<double>(), end, 1e-3);
    end += sent_[i]["seconds"].get<double>();
  }
  EXPECT_NEAR(end, 2.6, 1e-3);
}

// ---- a job of them

class StreamedJob : public LiveSpeechJobs {
 protected:
  JobOutcome run(const std::string& text, Json parameters = Json::object(),
                 Json fields = Json::object()) {
    parameters["seed"] = 7;
    fields.update({{"text", text}, {"stream", true}, {"parameters", std::move(parameters)}});
    const Job job(Json{{"id", "job-1"}, {"input", std::move(fields)}});
    EXPECT_TRUE(asks_for_pieces(job));
    return run_streamed_job(speech_, job, context_, options_);
  }
  JobOutcome run_two_chunks() {
    return run("This is the first sentence. This is the second sentence.",
               {{"max_chars_per_chunk", 30},
                {"normalize_boundaries", false},
                {"enable_crossfade", false}});
  }
  // Of all pieces, one after the other.
  std::string file(const std::string& field = "audio") const {
    std::string bytes;
    for (const Json& piece : context_.pieces) {
      if (piece.contains(field)) bytes += base64_bytes(piece[field].get<std::string>());
    }
    return bytes;
  }

  StreamedJobOptions options_;
};

TEST_F(StreamedJob, ItsPiecesAreOneFileAndItsOutputTheMetadata) {
  for (const char* format : {"ogg", "mp3", "flac", "wav", "aac"}) {
    SCOPED_TRACE(format);
    context_.pieces.clear();
    const JobOutcome outcome = run("Hello there.", {{"output_format", format}});
    ASSERT_NE(outcome.result(), nullptr) << outcome.failed()->message();
    ASSERT_GE(context_.pieces.size(), 2U);
    for (size_t i = 0; i < context_.pieces.size(); ++i) EXPECT_EQ(context_.pieces[i]["index"], i);
    const DecodedAudio audio = decode_audio_bytes(file(), format);
    EXPECT_NEAR(static_cast<double>(audio.samples.size()) / audio.sample_rate, 1, 0.06);
    const Json last = context_.pieces.back();
    EXPECT_EQ(last["final"], true);
    EXPECT_EQ(last["metadata"]["seed"], 7);
    EXPECT_EQ(outcome.result()->output,
              Json({{"status", "completed"}, {"metadata", last["metadata"]}}));
  }
}

TEST_F(StreamedJob, TheFirstPieceLeavesBeforeTheSecondChunkIsMade) {
  std::mutex mutex;
  std::condition_variable_any changed;
  bool heard = false;
  context_.on_piece = [&] {
    const std::scoped_lock lock(mutex);
    heard = true;
    changed.notify_all();
  };
  fake_.at_step = [&](const SpeechProgress& progress, const std::stop_token& stop) {
    if (progress.chunk < 2) return;
    std::unique_lock lock(mutex);
    changed.wait(lock, stop, [&] { return heard; });
  };
  EXPECT_NE(run_two_chunks().result(), nullptr);
  EXPECT_GE(context_.pieces.size(), 2U);
}

TEST_F(StreamedJob, TheListIsTheOutputOfWhoAsksForIt) {
  const JobOutcome outcome =
      run("Hello there.", Json::object(), {{"aggregate", true}, {"stream_field", "sound"}});
  ASSERT_NE(outcome.result(), nullptr);
  EXPECT_EQ(outcome.result()->output, Json(context_.pieces));
  EXPECT_GT(file("sound").size(), 1000U);
}

TEST_F(StreamedJob, WhatFailsLaterIsAFailureAfterItsPieces) {
  fake_.at_step = [](const SpeechProgress& progress, const std::stop_token&) {
    if (progress.chunk == 2) throw Error(ErrorCode::kInternal, "the decoder broke");
  };
  const JobOutcome outcome = run_two_chunks();
  ASSERT_NE(outcome.failed(), nullptr);
  ASSERT_GE(context_.pieces.size(), 1U) << "the first chunk was heard";
  EXPECT_FALSE(context_.pieces.back().contains("final"));
}

TEST_F(StreamedJob, WrongFieldsAreNamed) {
  const auto refusal = [&](Json parameters, Json fields) {
    const JobOutcome outcome = run("Hello there.", std::move(parameters), std::move(fields));
    return outcome.failed() ? outcome.failed()->message() : "it was spoken";
  };
  const Json none = Json::object();
  EXPECT_THAT(refusal(none, {{"aggregate", "yes"}}), HasSubstr("aggregate: "));
  EXPECT_THAT(refusal(none, {{"stream_field", ""}}), HasSubstr("stream_field: "));
  EXPECT_THAT(refusal(none, {{"stream_field", 7}}), HasSubstr("stream_field: "));
  EXPECT_THAT(refusal({{"output_format", "m4a"}}, none), HasSubstr("output_format"));
  EXPECT_TRUE(context_.pieces.empty());
  EXPECT_EQ(fake_.calls(), 0);
  for (const Json& off : {Json(nullptr), Json(false)}) {
    EXPECT_FALSE(asks_for_pieces(Job(Json{{"id", "a"}, {"input", {{"stream", off}}}})));
  }
}

}  // namespace
}  // namespace echo
