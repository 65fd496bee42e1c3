// Requests to OpenAI's API that come as jobs of the platform's queue.
#include "server/openai_job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "audio/decode.h"
#include "audio/encode.h"
#include "base/digest.h"
#include "server/openai_events.h"
#include "speech/live_speech_jobs.h"

namespace echo::server {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class OpenAiJobTest : public LiveSpeechJobs {
 protected:
  // As the platform shows it.
  JobOutcome run(const Json& input) {
    const Job job(Json{{"id", "job-1"}, {"input", input}});
    EXPECT_TRUE(is_openai_job(job));
    return settled(run_openai_job(speech_, job, context_, options_));
  }
  Json output_of(const Json& input) {
    const JobOutcome outcome = run(input);
    EXPECT_FALSE(outcome.failed());
    return outcome.result() ? outcome.result()->output.value_or(Json()) : Json();
  }
  Json speak(Json body) {
    body["input"] = body.value("input", "Hello there.");
    return output_of({{"openai_route", "/v1/audio/speech"}, {"openai_input", std::move(body)}});
  }

  // The events of a streamed answer, one after the other.
  std::string events() const {
    std::string all;
    for (const Json& piece : context_.pieces) all += piece.get<std::string>();
    return all;
  }

  OpenAiJobOptions options_;
};

TEST_F(OpenAiJobTest, AudioIsInTheOutputWithItsType) {
  const Json answer = speak({{"response_format", "wav"}});
  const size_t samples = 12 * kModelRate / 12;
  const std::string file = encode_audio(FakeSpeech::tone(samples), {AudioFormat::kWav, 0, 0});
  EXPECT_EQ(answer, Json({{"data_b64", base64(file)},
                          {"content_type", "audio/wav"},
                          {"size_bytes", file.size()}}));
}

TEST_F(OpenAiJobTest, WhatIsTooLargeForAnOutputGoesIntoTheStore) {
  options_.inline_bytes = 1000;
  std::map<std::string, std::string> kept;
  options_.store = [&](const std::string& name, std::string_view bytes, const std::string& type,
                       const std::stop_token&) {
    kept[type] = bytes;
    return "https://store/" + name;
  };
  const Json answer = speak({{"response_format", "wav"}});
  EXPECT_THAT(answer["url"].get<std::string>(), StartsWith("https://store/"));
  EXPECT_EQ(answer["content_type"], "audio/wav");
  EXPECT_EQ(answer["size_bytes"], kept.at("audio/wav").size());
  EXPECT_EQ(answer.size(), 3U);
  EXPECT_EQ(decode_audio_bytes(kept.at("audio/wav"), "a.wav").samples.size(), size_t{kModelRate});
  options_.store = {};
  EXPECT_EQ(speak({{"response_format", "wav"}})["error"]["code"], "internal");
}

TEST_F(OpenAiJobTest, ErrorsStandInTheOutputOfACompletedJob) {
  const auto error_of = [&](const Json& input) {
    const JobOutcome outcome = run(input);
    if (outcome.failed()) throw_internal("the platform would show nothing else");
    EXPECT_EQ(outcome.result()->output->size(), 1U);
    const Json error = outcome.result()->output->at("error");
    EXPECT_EQ(error.size(), 4U);
    return error;
  };
  const auto speech = [](const Json& body) {
    return Json{{"openai_route", "/v1/audio/speech"}, {"openai_input", body}};
  };
  EXPECT_EQ(error_of(speech({{"model", "gpt-9"}, {"input", "a"}})),
            Json({{"message", "The model \"gpt-9\" does not exist here."},
                  {"type", "invalid_request_error"},
                  {"param", "model"},
                  {"code", "model_not_found"}}));
  EXPECT_EQ(error_of(speech({{"input", ""}}))["param"], "input");
  EXPECT_EQ(error_of({{"openai_route", "/v1/audio/speech"}})["code"], "method_not_allowed");
  EXPECT_EQ(error_of({{"route", "/v1/nothing"}})["code"], "unknown_url");
  fake_.at_end = [](std::vector<float>& samples) { samples.clear(); };
  EXPECT_EQ(error_of(speech({{"input", "a"}}))["code"], "no_speech");
}

TEST_F(OpenAiJobTest, ABrokenDeviceAndAStoppedJobFail) {
  const Json input = {{"openai_route", "/v1/audio/speech"}, {"openai_input", {{"input", "a"}}}};
  const Job job(Json{{"id", "job-1"}, {"input", input}});
  fake_.at_step = [](const SpeechProgress&, const std::stop_token&) {
    throw Error(ErrorCode::kInternal, "the device broke");
  };
  JobOutcome outcome = run_openai_job(speech_, job, context_, options_);
  ASSERT_TRUE(outcome.failed());
  EXPECT_TRUE(outcome.failed()->fatal);
  fake_.at_step = [this](const SpeechProgress&, const std::stop_token&) {
    context_.stop.request_stop();
  };
  outcome = run_openai_job(speech_, job, context_, options_);
  ASSERT_TRUE(outcome.failed());
  EXPECT_EQ(outcome.failed()->kind, "cancelled");
}

TEST_F(OpenAiJobTest, ListsAreTheOutput) {
  EXPECT_EQ(output_of({{"openai_route", "/v1/models"}}).at("object"), "list");
  EXPECT_EQ(output_of({{"route", "/v1/models/tts-1"}, {"method", "GET"}}).at("id"), "tts-1");
  EXPECT_EQ(output_of({{"route", "/openai/v1/audio/voices"}}).at("voices")[0]["id"], "default");
}

TEST_F(OpenAiJobTest, EventsAreThePieces) {
  EXPECT_EQ(speak({{"stream_format", "sse"}, {"response_format", "wav"}}), nullptr);
  EXPECT_THAT(events(), StartsWith("event: speech.audio.delta\n"));
  EXPECT_THAT(events(), HasSubstr("event: speech.audio.done\n"));
  context_.pieces.clear();
  fake_.at_end = [](std::vector<float>& samples) { samples.clear(); };
  EXPECT_EQ(speak({{"stream_format", "sse"}}), nullptr);
  EXPECT_THAT(events(), StartsWith("event: speech.audio.error\n"));
}

}  // namespace
}  // namespace echo::server
