// What programs that speak through OpenAI's API send, and what they make of the answer. Each test
// is one program, its requests in its order with its headers.
#include <gmock/gmock.h>

#include <cstring>
#include <regex>

#include "audio/decode.h"
#include "server/openai_fixture.h"

namespace echo::server {
namespace {

using ::testing::HasSubstr;

class OpenAiRecorded : public OpenAiApi {
 protected:
  OpenAiRecorded() { add_voice("anna.wav"); }

  static ServerOptions with_key() {
    ServerOptions options;
    options.api_keys = {"key"};
    return options;
  }
  Answer post(const std::string& target, const std::string& body, HttpHeaders headers) const {
    headers.push_back({"Content-Type", "application/json"});
    return server_->request("POST", target, body, std::move(headers));
  }
  static void expect_second(const Answer& answer, const std::string& codec) {
    ASSERT_EQ(answer.status, 200) << answer.body;
    const DecodedAudio audio = decode_audio_bytes(answer.body, codec);
    EXPECT_EQ(audio.codec, codec);
    EXPECT_NEAR(static_cast<double>(audio.samples.size()) / audio.sample_rate, 1, 0.06);
  }
  static uint32_t number_at(const std::string& bytes, size_t at) {
    uint32_t number = 0;
    std::memcpy(&number, bytes.data() + at, sizeof number);
    return number;
  }
};

TEST_F(OpenAiRecorded, OpenWebUi) {
  ServerOptions options = with_key();
  options.openai.public_lists = true;
  serve(options);
  const HttpHeaders client = {{"Accept", "*/*"},
                              {"Accept-Encoding", "gzip, deflate"},
                              {"User-Agent", "Python/3.11 aiohttp/3.12.15"}};
  // Both lists without the key.
  const Json models = server_->get("/v1/audio/models", client).json();
  EXPECT_EQ(models["models"][0]["id"], "echo-tts");
  const Json voices = server_->get("/v1/audio/voices", client).json();
  EXPECT_EQ(voices["voices"][0]["id"], "anna");
  EXPECT_EQ(voices["voices"][0]["name"], "anna");

  HttpHeaders keyed = client;
  keyed.push_back({"Authorization", "Bearer key"});
  expect_second(post("/v1/audio/speech",
                     R"({"input": "Hello there.", "voice": "anna", "model": "tts-1"})", keyed),
                "mp3");
  // With TTS_OPENAI_PARAMS; rate and channels are read out of the type.
  const Answer bare = post("/v1/audio/speech",
                           R"({"model": "tts-1", "voice": "alloy", "input": "Hello there.",)"
                           R"( "response_format": "pcm"})",
                           keyed);
  std::smatch rate;
  const std::string type = bare.header("Content-Type");
  ASSERT_TRUE(std::regex_search(type, rate, std::regex("rate=(\\d+)"))) << type;
  EXPECT_THAT(type, HasSubstr("channels=1"));
  EXPECT_EQ(bare.body.size(), 2 * std::stoul(rate[1]));
  // What it shows the user is the text below `error`.
  const Json error =
      post("/v1/audio/speech", R"({"input": "Hi.", "voice": "nobody", "model": "tts-1"})", keyed)
          .json();
  EXPECT_THAT(error["error"]["message"].get<std::string>(), HasSubstr("nobody"));
}

TEST_F(OpenAiRecorded, OpenWebUiWithoutPublicListsFallsBackToOpenAisVoices) {
  serve(with_key());
  EXPECT_EQ(server_->get("/v1/audio/models").status, 401);
  EXPECT_EQ(server_->get("/v1/audio/voices").status, 401);
  for (const char* voice : {"alloy", "echo", "fable", "onyx", "nova", "shimmer"}) {
    const Json body = {{"input", "Hello there."}, {"voice", voice}, {"model", "tts-1"}};
    expect_second(post("/v1/audio/speech", body.dump(), {{"Authorization", "Bearer key"}}), "mp3");
  }
}

TEST_F(OpenAiRecorded, SillyTavern) {
  serve();
  expect_second(post("/v1/audio/speech",
                     R"({"input":"Hello there.","response_format":"mp3","voice":"anna",)"
                     R"("speed":1,"model":"tts-1"})",
                     {{"Authorization", "Bearer "},
                      {"User-Agent", "node-fetch"},
                      {"Accept-Encoding", "gzip, deflate, br"}}),
                "mp3");
}

TEST_F(OpenAiRecorded, SillyTavernsTtsWebUiInTheBrowser) {
  ServerOptions options;
  options.openai.orders.model_aliases = {"chatterbox"};
  options.cross_origins = {"http://127.0.0.1:8001"};
  serve(options);
  const HttpHeaders page = {{"Origin", "http://127.0.0.1:8001"}, {"Sec-Fetch-Site", "cross-site"}};
  HttpHeaders preflight = page;
  preflight.push_back({"Access-Control-Request-Method", "POST"});
  preflight.push_back({"Access-Control-Request-Headers", "cache-control,content-type"});
  EXPECT_EQ(server_->request("OPTIONS", "/v1/audio/speech", "", preflight).status, 204);
  EXPECT_EQ(server_->get("/v1/audio/voices/chatterbox", page).json()["voices"][0]["value"], "anna");
  // It takes the first bytes that it reads for the header of 44 bytes, whole.
  const std::string body =
      R"({"model":"chatterbox","voice":"anna","input":"Hello there.","response_format":"wav",)"
      R"("speed":1,"stream":true,"params":{"desired_length":80,"temperature":0.8,"seed":-1}})";
  RawClient client(server_->port());
  client.send(
      "POST /v1/audio/speech HTTP/1.1\r\nHost: 127.0.0.1\r\n"
      "Origin: http://127.0.0.1:8001\r\nSec-Fetch-Site: cross-site\r\n"
      "Content-Type: application/json\r\nCache-Control: no-cache\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body);
  const std::string head = client.read_until("\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("Access-Control-Allow-Origin: http://127.0.0.1:8001"));
  EXPECT_THAT(head, HasSubstr("X-Echo-Ignored: desired_length,temperature"));
  EXPECT_GE(std::stoul(client.read_until("\r\n"), nullptr, 16), 44U);
  const std::string wav = client.read_until("0\r\n\r\n");
  EXPECT_EQ(wav.substr(0, 4), "RIFF");
  EXPECT_EQ(number_at(wav, 24), 44100U);
  EXPECT_EQ(wav.substr(36, 4), "data");
}

TEST_F(OpenAiRecorded, HomeAssistantsOpenAiTts) {
  serve(with_key());
  const HttpHeaders client = {{"Authorization", "Bearer key"},
                              {"User-Agent", "HomeAssistant/2026.10 aiohttp/3.12.15"}};
  // Its check of the key speaks nothing.
  EXPECT_LT(post("/v1/audio/speech",
                 R"({"model": "tts-1", "input": ".", "voice": "alloy", "response_format": "mp3"})",
                 client)
                .status,
            400);
  EXPECT_EQ(fake_.calls(), 0);
  const Answer spoken =
      post("/v1/audio/speech",
           R"({"model": "tts-1", "input": "Hello there.", "voice": "anna",)"
           R"( "response_format": "mp3", "speed": 1.0, "instructions": "Speak kindly."})",
           client);
  expect_second(spoken, "mp3");
  EXPECT_EQ(spoken.header("X-Echo-Ignored"), "instructions");
}

TEST_F(OpenAiRecorded, WyomingOpenAi) {
  serve(with_key());
  const HttpHeaders client = {{"Authorization", "Bearer key"},
                              {"User-Agent", "AsyncOpenAI/Python 1.109.1"}};
  // What tells it which server this is: neither of those that it knows.
  EXPECT_EQ(server_->get("/v1/readyz", client).status, 404);
  EXPECT_EQ(server_->get("/v1/test", client).status, 404);
  EXPECT_NE(server_->get("/health", client).body, "OK");
  EXPECT_EQ(server_->get("/v1/models/tts-1", client).json()["id"], "tts-1");
  const Answer answer = post("/v1/audio/speech",
                             R"({"input":"Hello there.","model":"tts-1","voice":"alloy",)"
                             R"("response_format":"wav","speed":1.0})",
                             client);
  ASSERT_EQ(answer.status, 200);
  // Its parser gets the first 2,048 bytes.
  EXPECT_EQ(answer.body.substr(8, 8), "WAVEfmt ");
  EXPECT_EQ(number_at(answer.body, 24), 44100U);
  EXPECT_EQ(answer.body.substr(36, 4), "data");
}

TEST_F(OpenAiRecorded, PipecatAndLiveKit) {
  serve(with_key());
  const HttpHeaders client = {
      {"Authorization", "Bearer key"},      {"Accept", "application/octet-stream"},
      {"Accept-Encoding", "gzip, deflate"}, {"User-Agent", "AsyncOpenAI/Python 1.109.1"},
      {"X-Stainless-Lang", "python"},       {"X-Stainless-Raw-Response", "stream"}};
  // Both take bare samples to be 24,000 a second.
  const Answer pipecat = post("/v1/audio/speech",
                              R"({"input":"Hello there.","model":"gpt-4o-mini-tts",)"
                              R"("voice":"alloy","response_format":"pcm"})",
                              client);
  EXPECT_EQ(pipecat.status, 200);
  EXPECT_EQ(pipecat.body.size(), 2U * 24000);
  EXPECT_EQ(pipecat.header("Content-Encoding"), "");
  expect_second(post("/v1/audio/speech",
                     R"({"input":"Hello there.","model":"gpt-4o-mini-tts","voice":"ash",)"
                     R"("response_format":"mp3","speed":1.0})",
                     client),
                "mp3");
}

// With one number of steps, or one for each block.
TEST_F(OpenAiRecorded, LiveKitsPlugInOfEchoTtsApi) {
  serve();
  const auto speak = [&](const std::string& steps) {
    return post("/v1/audio/speech",
                R"({"input": "Hello there.", "voice": "anna", "stream": true,)"
                R"( "response_format": "pcm", "extra_body": {"seed": 5,)"
                R"( "block_sizes": [32, 128, 480], "num_steps": )" +
                    steps + "}}",
                {});
  };
  const Answer answer = speak("20");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.header("X-Audio-Sample-Rate"), "44100");
  EXPECT_EQ(answer.header("X-Echo-Seed"), "5");
  EXPECT_EQ(answer.body.size(), 2U * 44100);
  EXPECT_EQ(speak("[8, 15, 20]").status, 200);
  EXPECT_EQ(speak("[8, 15]").json()["error"]["param"], "num_steps");
}

}  // namespace
}  // namespace echo::server
