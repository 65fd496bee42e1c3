// OpenAI's speech API over HTTP: what is answered, in which shape, and when.
#include <gmock/gmock.h>

#include <cmath>
#include <condition_variable>
#include <mutex>
#include <semaphore>
#include <thread>

#include "audio/decode.h"
#include "engine/speech_pipe.h"
#include "server/openai_fixture.h"
#include "support/base64_bytes.h"
#include "support/peak_memory.h"
#include "support/subprocess.h"

namespace echo::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct Event {
  std::string name;
  Json data;
};

std::vector<Event> events_of(std::string_view body) {
  std::vector<Event> events;
  while (!body.empty()) {
    const size_t end = body.find("\n\n");
    const std::string_view one = body.substr(0, end);
    body.remove_prefix(std::min(body.size(), end + 2));
    if (one.starts_with(':')) continue;
    const size_t line = one.find('\n');
    EXPECT_TRUE(one.starts_with("event: ")) << one;
    EXPECT_TRUE(one.substr(line + 1).starts_with("data: ")) << one;
    events.push_back({std::string(one.substr(7, line - 7)), Json::parse(one.substr(line + 7))});
  }
  return events;
}

// What the deltas hold, put together.
std::string audio_of(const std::vector<Event>& events) {
  std::string bytes;
  for (const Event& event : events) {
    if (event.name != "speech.audio.delta") continue;
    EXPECT_EQ(event.data["type"], event.name);
    bytes += base64_bytes(event.data["audio"].get<std::string>());
  }
  return bytes;
}

void expect_openai_error(const Answer& answer, int status, const std::string& code,
                         const std::string& param, const std::string& type) {
  EXPECT_EQ(answer.status, status);
  EXPECT_EQ(answer.header("Content-Type"), "application/json");
  EXPECT_THAT(answer.header("x-request-id"), StartsWith("req_"));
  const Json json = answer.json();
  ASSERT_TRUE(json.is_object() && json.size() == 1 && json.contains("error")) << answer.body;
  const Json& error = json["error"];
  EXPECT_EQ(error.size(), 4U) << error;
  EXPECT_TRUE(error["message"].is_string());
  EXPECT_EQ(error["type"], type);
  EXPECT_EQ(error["code"], code.empty() ? Json(nullptr) : Json(code)) << error;
  EXPECT_EQ(error["param"], param.empty() ? Json(nullptr) : Json(param)) << error;
}

struct Format {
  const char* name;
  const char* type;
  int rate;          // as the answer says
  int decoded_rate;  // as decoders find it
};

class OpenAiFormats : public OpenAiApi, public ::testing::WithParamInterface<Format> {};

TEST_P(OpenAiFormats, AreStreamedWithTheirTypeAndRate) {
  serve();
  const Answer answer = speak({{"response_format", GetParam().name}, {"seed", 7}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.header("Content-Type"), GetParam().type);
  EXPECT_EQ(answer.header("Transfer-Encoding"), "chunked");
  EXPECT_EQ(answer.header("X-Audio-Sample-Rate"), std::to_string(GetParam().rate));
  EXPECT_EQ(answer.header("X-Echo-Seed"), "7");
  EXPECT_EQ(answer.header("Cache-Control"), "no-store");
  EXPECT_EQ(answer.header("X-Accel-Buffering"), "no");
  EXPECT_THAT(answer.header("Server-Timing"), HasSubstr("first;dur="));
  EXPECT_THAT(answer.header("x-request-id"), StartsWith("req_"));
  if (GetParam().decoded_rate == 0) {
    EXPECT_EQ(answer.body.size(), 2U * 44100);  // twelve characters are a second
    return;
  }
  const DecodedAudio audio = decode_audio_bytes(answer.body, "answer");
  EXPECT_EQ(audio.sample_rate, GetParam().decoded_rate);
  EXPECT_NEAR(static_cast<double>(audio.samples.size()) / audio.sample_rate, 1, 0.06);
}

INSTANTIATE_TEST_SUITE_P(All, OpenAiFormats,
                         ::testing::Values(Format{"mp3", "audio/mpeg", 44100, 44100},
                                           Format{"opus", "audio/ogg; codecs=opus", 48000, 48000},
                                           Format{"aac", "audio/aac", 44100, 44100},
                                           Format{"flac", "audio/flac", 44100, 44100},
                                           Format{"wav", "audio/wav", 44100, 44100},
                                           Format{"pcm", "audio/pcm; rate=44100; channels=1", 44100,
                                                  0}),
                         [](const auto& one) { return std::string(one.param.name); });

TEST_F(OpenAiApi, BareSamplesAreResampledForOpenAisModels) {
  serve();
  const Answer answer = speak({{"response_format", "pcm"}, {"model", "tts-1"}});
  EXPECT_EQ(answer.header("Content-Type"), "audio/pcm; rate=24000; channels=1");
  EXPECT_EQ(answer.body.size(), 2U * 24000);
}

TEST_F(OpenAiApi, EventsHoldTheVeryBytesOfTheFile) {
  serve();
  for (const char* format : {"mp3", "opus", "aac", "flac", "wav", "pcm"}) {
    Json body = {{"response_format", format}, {"seed", 7}};
    const Answer file = speak(body);
    body["stream_format"] = "sse";
    const Answer answer = speak(body);
    ASSERT_EQ(answer.status, 200);
    EXPECT_EQ(answer.header("Content-Type"), "text/event-stream; charset=utf-8");
    const std::vector<Event> events = events_of(answer.body);
    ASSERT_GE(events.size(), 2U);
    EXPECT_EQ(audio_of(events), file.body) << format;
    for (const Event& event : events) {
      if (event.data.contains("audio")) {
        EXPECT_LE(event.data["audio"].get_ref<const std::string&>().size(), 65536U);
      }
    }
    EXPECT_EQ(events.back().name, "speech.audio.done");
    const Json usage = events.back().data["usage"];
    // "[S1] Hello there." and the start token; a second has 21.5 frames.
    EXPECT_EQ(usage["input_tokens"], 18);
    EXPECT_EQ(usage["output_tokens"], 22);
    EXPECT_EQ(usage["total_tokens"], 40);
  }
}

TEST_F(OpenAiApi, AWholeFileHasItsLengthAndCompleteHeaders) {
  serve();
  for (const char* format : {"mp3", "flac", "wav"}) {
    const Answer answer = speak({{"response_format", format}, {"stream", false}});
    ASSERT_EQ(answer.status, 200);
    EXPECT_EQ(answer.header("Content-Length"), std::to_string(answer.body.size()));
    EXPECT_EQ(answer.header("Transfer-Encoding"), "");
    EXPECT_EQ(answer.body,
              encode_audio(FakeSpeech::tone(kModelRate), {parse_audio_format(format), 0, 0}));
  }
}

TEST_F(OpenAiApi, AStreamedWavHasItsHeaderOfFortyFourBytesInTheFirstChunk) {
  serve();
  RawClient client(server_->port());
  client.send(raw_request({{"input", "Hello there."}, {"response_format", "wav"}}));
  client.read_until("\r\n\r\n");
  const std::string size = client.read_until("\r\n");
  EXPECT_GE(std::stoul(size, nullptr, 16), 46U);
  const std::string rest = client.read_until("0\r\n\r\n");
  EXPECT_EQ(rest.substr(0, 4), "RIFF");
  EXPECT_EQ(rest.substr(36, 8), "data\xFF\xFF\xFF\xFF");
}

TEST_F(OpenAiApi, SpeedChangesTheDuration) {
  serve();
  const Answer slow = speak({{"response_format", "pcm"}, {"speed", 0.5}});
  const Answer fast = speak({{"response_format", "pcm"}, {"speed", 2}});
  EXPECT_EQ(slow.body.size(), 2U * 88200);
  EXPECT_EQ(fast.body.size(), 2U * 22050);
}

TEST_F(OpenAiApi, ATextWithoutWordsIsHalfASecondOfSilence) {
  serve();
  // The last one is all code, which nobody reads aloud.
  for (const char* input : {".", "…", "🙂", "「」", "```\nlet x = 1;\n```"}) {
    const Answer answer =
        speak({{"input", input}, {"response_format", "pcm"}, {"profile", "natural"}});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, std::string(44100, '\0'));
    EXPECT_EQ(answer.header("X-Echo-Warning"), "nothing to speak");
  }
  EXPECT_EQ(speak({{"input", "."}, {"stream_format", "sse"}}).status, 200);
  EXPECT_EQ(speak({{"input", "."}, {"stream", false}}).status, 200);
  EXPECT_EQ(fake_.calls(), 0);
}

TEST_F(OpenAiApi, APreviewShowsWhatWouldBeSpokenAndSpeaksNothing) {
  serve({}, false);  // no model is needed
  const auto preview = [&](const Json& body) {
    return server_->request("POST", "/v1/audio/preview", body.dump());
  };
  const Answer answer =
      preview({{"input", "It costs $5. [pause:1s] Bye."}, {"profile", "natural"}, {"top_k", 1}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  const Json json = answer.json();
  EXPECT_EQ(json["text"], "It costs five dollars. [pause:1s] Bye.");
  ASSERT_EQ(json["chunks"].size(), 2U);
  EXPECT_EQ(json["chunks"][0]["text"], "It costs five dollars.");
  EXPECT_EQ(json["chunks"][0]["pause_seconds"], 1.0);
  ASSERT_EQ(json["changes"].size(), 1U);
  EXPECT_EQ(json["changes"][0]["from"], "$5");
  EXPECT_EQ(json["changes"][0]["to"], "five dollars");
  EXPECT_EQ(json["changes"][0]["rule"], "number");
  EXPECT_EQ(json["ignored"], Json({"top_k"}));
  EXPECT_EQ(preview({{"input", "It costs $5."}, {"text_processing", false}}).json()["text"],
            "It costs $5.");
  expect_openai_error(preview({{"input", "Go. [pause:60s]"}, {"profile", "natural"}}), 400, "",
                      "input", "invalid_request_error");
  expect_openai_error(preview({{"input", "Go."}, {"numbers", "roman"}}), 400, "", "numbers",
                      "invalid_request_error");
  EXPECT_EQ(fake_.calls(), 0);
}

TEST_F(OpenAiApi, WhatIsIgnoredIsTold) {
  serve();
  const Answer answer = speak({{"top_k", 5}, {"instructions", "None"}});
  EXPECT_EQ(answer.header("X-Echo-Ignored"), "instructions,top_k");
}

TEST_F(OpenAiApi, EveryErrorHasOpenAisShape) {
  add_voice("anna.wav");
  serve();
  const char* wrong = "invalid_request_error";
  expect_openai_error(speak({{"model", "kokoro"}}), 404, "model_not_found", "model", wrong);
  expect_openai_error(speak({{"voice", "nobody"}}), 404, "voice_not_found", "voice", wrong);
  EXPECT_THAT(speak({{"voice", "nobody"}}).body, HasSubstr("anna"));
  for (const char* name : {"../anna.wav", "a/b", "..", "\x01"}) {
    expect_openai_error(speak({{"voice", name}}), 404, "voice_not_found", "voice", wrong);
  }
  expect_openai_error(speak({{"speed", 9}}), 400, "", "speed", wrong);
  expect_openai_error(speak({{"response_format", "m4a"}}), 400, "unknown_format", "response_format",
                      wrong);
  expect_openai_error(server_->request("POST", "/v1/audio/speech", "{"), 400, "invalid_json", "",
                      wrong);
  expect_openai_error(server_->request("POST", "/v1/audio/speech", "{}"), 400,
                      "missing_required_parameter", "input", wrong);
  expect_openai_error(speak({{"input", std::string(20'001, 'x')}}), 400, "string_above_max_length",
                      "input", wrong);
  expect_openai_error(speak({}, {{"Content-Type", "multipart/form-data; boundary=x"}}), 415,
                      "unsupported_media_type", "", wrong);
  expect_openai_error(server_->get("/v1/readyz"), 404, "unknown_url", "", wrong);
  expect_openai_error(server_->get("/v2/any/openai/v1/chat/completions"), 404, "unknown_url", "",
                      wrong);
  expect_openai_error(server_->get("/v1/models/none"), 404, "model_not_found", "model", wrong);
  expect_openai_error(server_->get("/v1/audio/voices/none"), 404, "voice_not_found", "voice",
                      wrong);
  const Answer method = server_->get("/v1/audio/speech");
  expect_openai_error(method, 405, "method_not_allowed", "", wrong);
  EXPECT_EQ(method.header("Allow"), "POST");
  expect_openai_error(speak({{"input", "x"}, {"pad", std::string(1 << 20, 'x')}}), 413,
                      "request_too_large", "", wrong);
  EXPECT_EQ(fake_.calls(), 0);
}

TEST_F(OpenAiApi, ABodyThatStopsHasOpenAisShape) {
  ServerOptions options;
  options.http.body_pace.patience = std::chrono::milliseconds(50);
  serve(options);
  RawClient client(server_->port());
  client.send("POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90\r\n\r\n{");
  expect_openai_error(client.read_answer(), 408, "timeout", "", "invalid_request_error");
}

TEST_F(OpenAiApi, WhoseServerEndsOrIsBrokenIsToldToComeAgain) {
  serve();
  server_->api().set_broken("the device broke");
  const Answer broken = speak();
  expect_openai_error(broken, 503, "device_broken", "", "server_error");
  EXPECT_NE(broken.header("Retry-After"), "");
  EXPECT_NE(broken.header("retry-after-ms"), "");
  serve();
  server_->api().work().close();
  const Answer ending = speak();
  expect_openai_error(ending, 503, "draining", "", "server_error");
  EXPECT_NE(ending.header("Retry-After"), "");
  EXPECT_EQ(fake_.calls(), 0);
}

// Five minutes are 26 MB, of which nothing is held.
TEST_F(OpenAiApi, AWholeFileLiesOnTheDisk) {
  constexpr int kPieces = 300;
  const std::vector<float> second = FakeSpeech::tone(kModelRate);
  std::counting_semaphore<> read(0);
  std::jthread maker;
  speak_ = [&](const SpeechRequest&, SpeechCallbacks callbacks) {
    const auto pipe = std::make_shared<SpeechPipe>(std::move(callbacks), size_t{kModelRate},
                                                   [&read] { read.release(); });
    pipe->start();
    maker = std::jthread([&, pipe] {
      for (int i = 0; i < kPieces; ++i) {
        pipe->push(second);
        while (pipe->full()) read.acquire();
      }
      SpeechSummary summary;
      summary.chunks.emplace_back();
      summary.chunks.back().seconds = kPieces;
      pipe->succeed(std::move(summary));
    });
    return SpeechStream(pipe);
  };
  serve();
  const PeakMemory memory;
  RawClient client(server_->port());
  client.send(raw_request({{"input", "Hi."}, {"stream", false}, {"response_format", "wav"}}));
  const std::string head = client.read_until("\r\n\r\n");
  const auto grown = memory.grown();
  ASSERT_THAT(head, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(head, HasSubstr("Content-Length: " + std::to_string(44 + 2 * kModelRate * kPieces)));
  EXPECT_THAT(head, HasSubstr("Server-Timing: "));
  if (!grown) GTEST_SKIP() << kNoPeakMemory;
  EXPECT_LT(*grown, int64_t{8} << 20);
}

TEST_F(OpenAiApi, AFailureBeforeTheFirstByteIsAStatus) {
  fake_.at_step = [](const SpeechProgress&, const std::stop_token&) {
    throw Error(ErrorCode::kInternal, "the device broke");
  };
  serve();
  for (const bool streamed : {true, false}) {
    const Answer answer = speak({{"stream", streamed}});
    expect_openai_error(answer, 500, "internal", "", "server_error");
    EXPECT_EQ(answer.header("x-should-retry"), "false");
  }
}

TEST_F(OpenAiApi, WhatWouldFailAgainSaysSo) {
  serve();
  fake_.at_end = [](std::vector<float>& samples) { samples.clear(); };
  for (const bool streamed : {true, false}) {
    const Answer answer = speak({{"stream", streamed}});
    expect_openai_error(answer, 500, "no_speech", "", "server_error");
    EXPECT_EQ(answer.header("x-should-retry"), "false");
  }
  fake_.at_end = [](std::vector<float>& samples) { samples[10] = std::nanf(""); };
  for (const bool streamed : {true, false}) {
    const Answer answer = speak({{"stream", streamed}});
    expect_openai_error(answer, 500, "audio_rejected", "", "server_error");
    EXPECT_EQ(answer.header("x-should-retry"), "false");
  }
}

TEST_F(OpenAiApi, SpeechThatDoesNotComeInTimeIsGivenUp) {
  ServerOptions options;
  options.openai.answers.time_limit = std::chrono::milliseconds(0);
  serve(options);
  // The step lasts until the request is given up.
  fake_.at_step = [](const SpeechProgress& progress, const std::stop_token& stop) {
    while (progress.step > 1 && !stop.stop_requested()) std::this_thread::yield();
  };
  for (const bool streamed : {true, false}) {
    const Answer answer = speak({{"stream", streamed}});
    expect_openai_error(answer, 500, "timed_out", "", "server_error");
    EXPECT_EQ(answer.header("x-should-retry"), "false");
  }
  EXPECT_THAT(metrics_.text(), HasSubstr("echotts_cancelled_total{cause=\"timeout\"} 2\n"));
}

// Two chunks, the second of which fails.
class OpenAiBreakdown : public OpenAiApi {
 protected:
  OpenAiBreakdown() {
    fake_.at_step = [](const SpeechProgress& progress, const std::stop_token&) {
      if (progress.chunk == 2) throw Error(ErrorCode::kInternal, "the decoder broke");
    };
  }
  static std::string long_text() {
    std::string text;
    for (int i = 0; i < 30; ++i) text += "This is one of many sentences. ";
    return text;
  }
  const Json body_ = {{"input", long_text()}, {"response_format", "mp3"}};
};

TEST_F(OpenAiBreakdown, BreaksTheTransferOff) {
  serve();
  RawClient client(server_->port());
  client.send(raw_request(body_));
  const std::string text = client.read_all();
  EXPECT_THAT(text, StartsWith("HTTP/1.1 200"));
  EXPECT_GT(text.size(), 1000U) << "the first chunk was heard";
  EXPECT_THAT(text, Not(::testing::EndsWith("0\r\n\r\n")));
}

TEST_F(OpenAiBreakdown, IsAFailureForCurl) {
  constexpr const char* kCurl = "/usr/bin/curl";
  if (!std::filesystem::exists(kCurl)) GTEST_SKIP() << "there is no " << kCurl;
  serve();
  const ProcessResult asked =
      run_process({kCurl, "-sN", "--noproxy", "*", "-o", (dir_ / "cut.mp3").string(), "--data",
                   body_.dump(), server_->url("/v1/audio/speech")});
  EXPECT_EQ(asked.exit_code, 18) << "a partial file: " << asked.err;
  EXPECT_GT(decode_audio_file(dir_ / "cut.mp3").samples.size(), size_t{kModelRate})
      << "the first chunk was heard";
}

TEST_F(OpenAiBreakdown, IsAnEventAmongEvents) {
  serve();
  Json body = body_;
  body["stream_format"] = "sse";
  const std::vector<Event> events =
      events_of(server_->request("POST", "/v1/audio/speech", body.dump()).body);
  ASSERT_GE(events.size(), 2U);
  EXPECT_EQ(events.front().name, "speech.audio.delta");
  EXPECT_EQ(events.back().name, "speech.audio.error");
  EXPECT_EQ(events.back().data["error"]["type"], "server_error");
  EXPECT_EQ(events.back().data["error"].size(), 4U);
}

TEST_F(OpenAiApi, AnswersTheSameUnderEveryPrefix) {
  serve();
  for (const std::string prefix : {"/v1", "/openai/v1", "/v2/any/openai/v1"}) {
    EXPECT_EQ(server_->get(prefix + "/models").status, 200) << prefix;
    EXPECT_EQ(server_->request("POST", prefix + "/audio/speech", R"({"input":"Hi."})").status, 200);
    EXPECT_EQ(server_->get(prefix + "/audio/voices").status, 200) << prefix;
  }
}

TEST_F(OpenAiApi, ListsModels) {
  ServerOptions options;
  options.openai.orders.model_aliases = {"chatterbox"};
  serve(options);
  const Json list = server_->get("/v1/models").json();
  EXPECT_EQ(list["object"], "list");
  ASSERT_EQ(list["data"].size(), 5U);
  EXPECT_EQ(list["data"][0]["id"], "echo-tts");
  EXPECT_EQ(list["data"][4]["id"], "chatterbox");
  for (const Json& model : list["data"]) {
    EXPECT_EQ(model["object"], "model");
    EXPECT_EQ(model["owned_by"], "echo-tts");
    EXPECT_TRUE(model["created"].is_number_integer());
  }
  EXPECT_EQ(server_->get("/v1/models/tts-1").json()["id"], "tts-1");
  EXPECT_EQ(server_->get("/v1/models/jordand/echo-tts-base").status, 200);
  EXPECT_EQ(server_->get("/v1/models/jordand%2Fecho-tts-base").status, 200);
  EXPECT_EQ(server_->get("/v1/audio/models").json()["models"][0]["id"], "echo-tts");
}

TEST_F(OpenAiApi, ListsVoicesInEveryShapeThatClientsRead) {
  add_voice("women/anna.wav");
  add_voice("ben.wav");
  serve();
  const Json list = server_->get("/v1/audio/voices").json();
  EXPECT_EQ(list["object"], "list");
  ASSERT_EQ(list["data"].size(), 2U);
  EXPECT_EQ(list["data"][0]["id"], "anna");
  EXPECT_EQ(list["data"][0]["object"], "audio.voice");
  EXPECT_GT(list["data"][0]["created_at"].get<int64_t>(), 1'700'000'000);
  EXPECT_EQ(list["voices"][1],
            Json({{"id", "ben"}, {"name", "ben"}, {"value", "ben"}, {"label", "ben"}}));
  EXPECT_EQ(list["has_more"], false);
  EXPECT_EQ(list["first_id"], "anna");
  EXPECT_EQ(list["last_id"], "ben");
  EXPECT_EQ(server_->get("/v1/voices").json(), list);
  EXPECT_EQ(server_->get("/v1/audio/voices/tts-1").json(), list);
  EXPECT_EQ(server_->get("/v1/audio/voices/anna").json()["id"], "anna");
}

TEST_F(OpenAiApi, WithoutVoicesMenusAreNotEmpty) {
  serve();
  const Json list = server_->get("/v1/audio/voices").json();
  ASSERT_EQ(list["data"].size(), 1U);
  EXPECT_EQ(list["data"][0]["id"], "default");
  const Answer answer = speak({{"voice", "alloy"}});
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.header("X-Echo-Warning"), HasSubstr("there are no voices"));
}

TEST_F(OpenAiApi, FindsVoicesByNameCaseAliasAndOpenAisNames) {
  add_voice("anna.wav");
  add_voice("ben.wav");
  ServerOptions options;
  options.openai.orders.voice_aliases = {{"sol", "ben"}};
  options.openai.orders.default_voice = "ben";
  serve(options);
  for (const char* name : {"anna", "ANNA", "anna.wav", "sol", "alloy", "default", ""}) {
    EXPECT_EQ(speak({{"voice", name}}).status, 200) << name;
  }
  EXPECT_EQ(speak({{"voice", {{"id", "ben"}}}}).status, 200);
}

TEST_F(OpenAiApi, KeysAreAskedForButForPublicLists) {
  ServerOptions options;
  options.api_keys = {"secret"};
  options.openai.public_lists = true;
  serve(options);
  expect_openai_error(speak(), 401, "invalid_api_key", "", "invalid_request_error");
  EXPECT_EQ(speak({}, {{"Authorization", "Bearer secret"}}).status, 200);
  EXPECT_EQ(speak({}, {{"Authorization", "secret"}}).status, 200);
  for (const char* list : {"/v1/models", "/v1/audio/models", "/v1/audio/voices"}) {
    EXPECT_EQ(server_->get(list).status, 200) << list;
  }
  expect_openai_error(server_->get("/v1/models/tts-1"), 401, "invalid_api_key", "",
                      "invalid_request_error");
}

TEST_F(OpenAiApi, ListsNeedAKeyByDefaultAndAnEmptyOneIsFineWithoutKeys) {
  ServerOptions options;
  options.api_keys = {"secret"};
  serve(options);
  EXPECT_EQ(server_->get("/v1/models").status, 401);
  serve();
  EXPECT_EQ(server_->get("/v1/models", {{"Authorization", "Bearer "}}).status, 200);
}

TEST_F(OpenAiApi, PagesOfListedSitesMayAsk) {
  ServerOptions options;
  options.cross_origins = {"https://a.example"};
  serve(options);
  const Answer listed = speak({}, {{"Origin", "https://a.example"}});
  EXPECT_EQ(listed.status, 200);
  EXPECT_EQ(listed.header("Access-Control-Allow-Origin"), "https://a.example");
  EXPECT_EQ(listed.header("Vary"), "Origin");
  EXPECT_EQ(listed.header("Access-Control-Allow-Credentials"), "");
  EXPECT_THAT(listed.header("Access-Control-Expose-Headers"), HasSubstr("x-request-id"));
  const Answer other = speak({}, {{"Origin", "https://b.example"}});
  expect_openai_error(other, 403, "", "", "permission_error");
  EXPECT_EQ(other.header("Access-Control-Allow-Origin"), "");
  const Answer preflight =
      server_->request("OPTIONS", "/v1/audio/speech", "",
                       {{"Origin", "https://a.example"},
                        {"Access-Control-Request-Method", "POST"},
                        {"Access-Control-Request-Headers", "authorization,content-type"}});
  EXPECT_EQ(preflight.status, 204);
  EXPECT_EQ(preflight.header("Access-Control-Allow-Methods"), "GET, POST, DELETE");
  EXPECT_EQ(preflight.header("Access-Control-Allow-Headers"), "authorization,content-type");
  EXPECT_EQ(preflight.header("Access-Control-Max-Age"), "600");
}

TEST_F(OpenAiApi, WhileTheModelIsLoadedClientsAreToldToComeAgain) {
  serve({}, /*ready=*/false);
  const Answer answer = speak();
  expect_openai_error(answer, 503, "loading", "", "server_error");
  EXPECT_EQ(answer.header("Retry-After"), "2");
  EXPECT_EQ(answer.header("retry-after-ms"), "2000");
  EXPECT_EQ(server_->get("/v1/models").status, 200);
}

// Speech that stands still until the test lets it go on.
class OpenAiHeld : public OpenAiApi {
 protected:
  OpenAiHeld() {
    fake_.at_step = [this](const SpeechProgress& progress, const std::stop_token& stop) {
      std::unique_lock lock(mutex_);
      ++steps_;
      changed_.notify_all();
      if (progress.chunk < held_chunk_) return;
      ++held_;
      changed_.notify_all();
      changed_.wait(lock, stop, [this] { return released_; });
      if (stop.stop_requested()) {
        ++stopped_;
        changed_.notify_all();
      }
    };
  }
  ~OpenAiHeld() override {
    release();
    server_.reset();
    fake_.wait();  // it may be asking the members that go now
  }
  void release() {
    const std::lock_guard lock(mutex_);
    released_ = true;
    changed_.notify_all();
  }
  template <typename Condition>
  void wait(Condition condition) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, condition);
  }

  std::mutex mutex_;
  std::condition_variable_any changed_;
  int64_t held_chunk_ = 1;
  bool released_ = false;
  int steps_ = 0, held_ = 0, stopped_ = 0;
};

TEST_F(OpenAiHeld, TheFirstBytesAreThereBeforeTheSecondChunkIsMade) {
  held_chunk_ = 2;
  serve();
  RawClient client(server_->port());
  client.send(raw_request({{"input", "This is the first sentence. This is the second sentence."},
                           {"max_chars_per_chunk", 30},
                           {"normalize_boundaries", false},
                           {"enable_crossfade", false},
                           {"response_format", "pcm"}}));
  const std::string head = client.read_until("\r\n\r\n");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200"));
  const size_t size = std::stoul(client.read_until("\r\n"), nullptr, 16);
  EXPECT_GE(size, 2U * 44100) << "the first chunk, while the second stands still";
  wait([&] { return held_ > 0; });
  release();
  EXPECT_THAT(client.read_until("0\r\n\r\n"), ::testing::EndsWith("0\r\n\r\n"));
}

TEST_F(OpenAiHeld, AClientThatLeavesEndsItsSynthesis) {
  serve();
  for (const char* more :
       {R"({"response_format":"mp3"})", R"({"stream_format":"sse"})", R"({"stream":false})"}) {
    const int before = stopped_;
    {
      RawClient client(server_->port());
      Json body = Json::parse(more);
      body["input"] = "Hello there.";
      const int steps = steps_;
      client.send(raw_request(body));
      wait([&] { return steps_ > steps; });
    }
    wait([&] { return stopped_ > before; });
  }
  while (server_->api().work().counts().running > 0) std::this_thread::yield();
  EXPECT_THAT(metrics_.text(), HasSubstr("echotts_cancelled_total{cause=\"disconnect\"} 3\n"));
}

TEST_F(OpenAiHeld, AClientThatOnlyEndsItsSideIsServedToTheEnd) {
  held_chunk_ = 2;
  serve();
  for (const char* more : {R"({"response_format":"pcm"})", R"({"stream_format":"sse"})"}) {
    released_ = false;
    RawClient client(server_->port());
    Json body = Json::parse(more);
    body.update({{"input", "The first one. The second one."},
                 {"max_chars_per_chunk", 15},
                 {"normalize_boundaries", false},
                 {"enable_crossfade", false}});
    client.send(raw_request(body));
    client.read_until("\r\n\r\n");
    client.finish_sending();
    release();
    EXPECT_THAT(client.read_until("0\r\n\r\n"), ::testing::EndsWith("0\r\n\r\n"));
  }
  released_ = false;
  held_chunk_ = 1;
  RawClient client(server_->port());
  const int before = steps_;
  client.send(raw_request({{"input", "Hello there."}, {"stream", false}}));
  wait([&] { return steps_ > before; });
  client.finish_sending();
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  release();
  EXPECT_EQ(client.read_answer().status, 200);
  EXPECT_EQ(stopped_, 0);
}

TEST_F(OpenAiHeld, ASpeechThatWaitsLeavesTheQueueWithItsClient) {
  ServerOptions options;
  options.work.slots = 1;
  serve(options);
  RawClient first(server_->port());
  first.send(raw_request({{"input", "Hello there."}}));
  wait([&] { return steps_ > 0; });
  {
    RawClient second(server_->port());
    second.send(raw_request({{"input", "Hello there."}}));
    while (server_->api().work().counts().waiting == 0) std::this_thread::yield();
  }
  while (server_->api().work().counts().waiting > 0) std::this_thread::yield();
  EXPECT_EQ(fake_.calls(), 1);
}

TEST_F(OpenAiHeld, AFullQueueIs429) {
  ServerOptions options;
  options.work.slots = 1;
  options.work.capacity = 1;
  serve(options);
  RawClient first(server_->port()), second(server_->port());
  first.send(raw_request({{"input", "Hello there."}}));
  wait([&] { return steps_ > 0; });
  second.send(raw_request({{"input", "Hello there."}}));
  while (server_->api().work().counts().waiting == 0) std::this_thread::yield();
  const Answer answer = speak();
  expect_openai_error(answer, 429, "queue_full", "", "rate_limit_error");
  EXPECT_EQ(answer.header("Retry-After"), "1");
  EXPECT_EQ(answer.header("retry-after-ms"), "1000");
  // Nothing is looked up in vain.
  expect_openai_error(speak({{"voice", "nobody"}}), 429, "queue_full", "", "rate_limit_error");
}

TEST_F(OpenAiHeld, TheHeadDoesNotWaitForEver) {
  ServerOptions options;
  options.openai.answers.head_after = std::chrono::milliseconds(1);
  serve(options);
  RawClient client(server_->port());
  client.send(raw_request({{"input", "Hello there."}}));
  EXPECT_THAT(client.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 200"));
  release();
  EXPECT_THAT(client.read_until("0\r\n\r\n"), ::testing::EndsWith("0\r\n\r\n"));
}

TEST_F(OpenAiHeld, SilentEventsAreKeptAlive) {
  ServerOptions options;
  options.openai.answers.keep_alive = std::chrono::milliseconds(1);
  serve(options);
  RawClient client(server_->port());
  client.send(raw_request({{"input", "Hello there."}, {"stream_format", "sse"}}));
  EXPECT_THAT(client.read_until(": keep-alive\n\n"), StartsWith("HTTP/1.1 200"));
}

TEST_F(OpenAiApi, ReportsAndCountsEveryRequest) {
  serve();
  ASSERT_EQ(speak({{"response_format", "opus"}}).status, 200);
  ASSERT_TRUE(server_->api().work().wait_idle(std::chrono::minutes(1)));
  EXPECT_THAT(log_->text(), HasSubstr("underrun_seconds"));
  EXPECT_THAT(log_->text(), Not(HasSubstr("Hello")));
  const std::string text = metrics_.text();
  EXPECT_THAT(text, HasSubstr("echotts_time_to_first_audio_seconds_count{format=\"ogg\","
                              "route=\"openai\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("echotts_requests_total{format=\"ogg\",route=\"openai\","
                              "status=\"completed\"} 1\n"));
}

}  // namespace
}  // namespace echo::server
