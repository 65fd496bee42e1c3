// The fields of OpenAI's speech requests: every type, range and default, and the error of each.
#include "server/speech_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace echo::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

SpeechOrder order_of(Json body, const SpeechOrderOptions& options = {}) {
  if (!body.contains("input")) body["input"] = "Hello.";
  return parse_speech_order(body.dump(), options);
}

// The error of a body; a status of 0 when there is none.
OpenAiError error_of(const std::string& body, const SpeechOrderOptions& options = {}) {
  try {
    parse_speech_order(body, options);
  } catch (const OpenAiError& error) {
    return error;
  }
  return {0, "none"};
}

TEST(SpeechOrder, HasOpenAisDefaults) {
  const SpeechOrder order = order_of({});
  EXPECT_EQ(order.input, "Hello.");
  EXPECT_EQ(order.model, "");
  EXPECT_EQ(order.voice, "");
  EXPECT_EQ(order.output.format, AudioFormat::kMp3);
  EXPECT_EQ(order.output.sample_rate, 44100);
  EXPECT_EQ(order.speed, 1);
  EXPECT_FALSE(order.events);
  EXPECT_TRUE(order.streamed);
  EXPECT_TRUE(order.ignored.empty());
}

TEST(SpeechOrder, NullIsAsGoodAsAbsent) {
  const SpeechOrder order = order_of(Json::parse(R"({
    "model": null, "voice": null, "response_format": null, "speed": null, "instructions": null,
    "stream_format": null, "stream": null, "sample_rate": null, "bitrate": null, "seed": null,
    "num_steps": null, "extra_body": null, "params": null, "anything": null})"));
  EXPECT_EQ(order.output.format, AudioFormat::kMp3);
  EXPECT_TRUE(order.ignored.empty());
}

TEST(SpeechOrder, TakesEveryFormat) {
  const std::pair<const char*, AudioFormat> formats[] = {
      {"mp3", AudioFormat::kMp3},     {"opus", AudioFormat::kOggOpus},
      {"aac", AudioFormat::kAac},     {"flac", AudioFormat::kFlac},
      {"wav", AudioFormat::kWav},     {"pcm", AudioFormat::kPcm},
      {"ogg", AudioFormat::kOggOpus}, {"ogg_opus", AudioFormat::kOggOpus},
  };
  for (const auto& [name, format] : formats) {
    EXPECT_EQ(order_of({{"response_format", name}}).output.format, format) << name;
  }
}

TEST(SpeechOrder, ChoosesTheRateOfBareSamplesByTheModel) {
  const auto rate = [](Json body) {
    body["response_format"] = body.value("response_format", "pcm");
    return order_of(body).output.sample_rate;
  };
  EXPECT_EQ(rate({{"model", "tts-1"}}), 24000);
  EXPECT_EQ(rate({{"model", "gpt-4o-mini-tts-2025-12-15"}}), 24000);
  EXPECT_EQ(rate({{"model", "echo-tts"}}), 44100);
  EXPECT_EQ(rate(Json::object()), 44100);
  EXPECT_EQ(rate({{"model", "tts-1"}, {"sample_rate", 16000}}), 16000);
  EXPECT_EQ(rate({{"model", "tts-1"}, {"response_format", "wav"}}), 44100);
  EXPECT_EQ(rate({{"model", "tts-1"}, {"response_format", "opus"}}), 48000);
}

TEST(SpeechOrder, ReadsParametersOfJobsWhereverTheyStand) {
  const SpeechOrder order = order_of(Json::parse(R"({
    "num_steps": 7, "extra_body": {"num_steps": 8, "cfg_scale_text": 2.5, "seed": 11},
    "params": {"cfg_scale_text": 9, "cfg_scale_speaker": "4", "sample_rate": 24000,
               "response_format": "wav"},
    "seed": -1, "bitrate": null, "top_p": 1, "instructions": "Be glad."})"));
  EXPECT_EQ(order.parameters.num_steps, 7);
  EXPECT_EQ(order.parameters.cfg_scale_text, 2.5);
  EXPECT_EQ(order.parameters.cfg_scale_speaker, 4);
  EXPECT_EQ(order.output.format, AudioFormat::kWav);
  EXPECT_EQ(order.output.sample_rate, 24000);
  EXPECT_THAT(order.ignored, ::testing::UnorderedElementsAre("top_p", "instructions"));
}

TEST(SpeechOrder, ChoosesASeedUnlessOneIsGiven) {
  EXPECT_EQ(order_of({{"seed", 7}}).parameters.seed, 7U);
  const uint64_t a = order_of({{"seed", -1}}).parameters.seed;
  const uint64_t b = order_of({}).parameters.seed;
  const uint64_t c = order_of({}).parameters.seed;
  EXPECT_FALSE(a == b && b == c);
}

TEST(SpeechOrder, NamesVoicesByTextOrId) {
  EXPECT_EQ(order_of({{"voice", "anna"}}).voice, "anna");
  EXPECT_EQ(order_of({{"voice", {{"id", "ben"}}}}).voice, "ben");
  EXPECT_EQ(order_of({{"voice", ""}}).voice, "");
}

TEST(SpeechOrder, KnowsItsModels) {
  SpeechOrderOptions options;
  options.model_aliases = {"chatterbox", "tts-1"};
  EXPECT_THAT(listed_models(options),
              ElementsAre("echo-tts", "tts-1", "tts-1-hd", "gpt-4o-mini-tts", "chatterbox"));
  for (const char* name : {"echo-tts", "tts-1-hd", "gpt-4o-mini-tts-2025-03-20", "echo-tts-base",
                           "jordand/echo-tts-base", "chatterbox"}) {
    EXPECT_TRUE(is_model(name, options)) << name;
  }
  EXPECT_FALSE(is_model("kokoro", options));
  EXPECT_FALSE(is_model("chatterbox", {}));
}

struct Refused {
  const char* fields;  // beside the input
  int status;
  const char* code;
  const char* param;
};

class RefusedOrders : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedOrders, NameTheField) {
  const Refused& wrong = GetParam();
  const OpenAiError error = error_of(std::string(R"({"input":"Hi.",)") + wrong.fields + "}");
  EXPECT_EQ(error.status(), wrong.status);
  EXPECT_EQ(error.code(), wrong.code);
  EXPECT_EQ(error.param(), wrong.param);
  const Json json = error.json();
  EXPECT_EQ(json.size(), 4U);
  EXPECT_EQ(json["type"], "invalid_request_error");
  EXPECT_TRUE(json["message"].is_string());
  EXPECT_EQ(json["code"].is_null(), *wrong.code == 0);
}

INSTANTIATE_TEST_SUITE_P(
    Fields, RefusedOrders,
    ::testing::Values(
        Refused{R"("model":"kokoro")", 404, "model_not_found", "model"},
        Refused{R"("model":7)", 400, "", "model"}, Refused{R"("voice":7)", 400, "", "voice"},
        Refused{R"("voice":{"name":"x"})", 400, "", "voice"},
        Refused{R"("voice":["x"])", 400, "", "voice"},
        Refused{R"("response_format":"m4a")", 400, "unknown_format", "response_format"},
        Refused{R"("response_format":1)", 400, "", "response_format"},
        Refused{R"("speed":0.2)", 400, "", "speed"}, Refused{R"("speed":4.1)", 400, "", "speed"},
        Refused{R"("speed":"fast")", 400, "", "speed"},
        Refused{R"("stream_format":"ws")", 400, "", "stream_format"},
        Refused{R"("stream_format":true)", 400, "", "stream_format"},
        Refused{R"("stream":"yes")", 400, "", "stream"},
        Refused{R"("instructions":{})", 400, "", "instructions"},
        Refused{R"("sample_rate":22050)", 400, "", "sample_rate"},
        Refused{R"("sample_rate":"24000")", 400, "", "sample_rate"},
        Refused{R"("sample_rate":4294991296)", 400, "", "sample_rate"},
        Refused{R"("sample_rate":44100,"response_format":"opus")", 400, "", "sample_rate"},
        Refused{R"("bitrate":"fast")", 400, "", "bitrate"},
        Refused{R"("bitrate":1000)", 400, "", "bitrate"},
        Refused{R"("bitrate":64000,"response_format":"wav")", 400, "", "bitrate"},
        Refused{R"("seed":-2)", 400, "", "seed"}, Refused{R"("seed":"x")", 400, "", "seed"},
        Refused{R"("seed":1.5)", 400, "", "seed"},
        Refused{R"("num_steps":0)", 400, "", "num_steps"},
        Refused{R"("num_steps":{})", 400, "", "num_steps"},
        Refused{R"("extra_body":{"cfg_scale_text":-1})", 400, "", "cfg_scale_text"},
        Refused{R"("extra_body":[])", 400, "", "extra_body"},
        Refused{R"("params":"x")", 400, "", "params"},
        Refused{R"("preset":"none")", 400, "", "preset"},
        Refused{R"("block_sizes":[0])", 400, "", "block_sizes"}));

TEST(SpeechOrder, RefusesTextsThatCannotBe) {
  EXPECT_EQ(error_of("{}").code(), "missing_required_parameter");
  EXPECT_EQ(error_of("{}").param(), "input");
  EXPECT_EQ(error_of(R"({"input":null})").code(), "missing_required_parameter");
  for (const char* body : {R"({"input":7})", R"({"input":""})", R"({"input":" \n "})"}) {
    EXPECT_EQ(error_of(body).status(), 400) << body;
    EXPECT_EQ(error_of(body).param(), "input") << body;
  }
  SpeechOrderOptions five;
  five.max_input_chars = 5;
  EXPECT_EQ(error_of(R"({"input":"äöüßé"})", five).status(), 0);
  EXPECT_EQ(error_of(R"({"input":"123456"})", five).code(), "string_above_max_length");
  EXPECT_EQ(error_of(R"({"input":")" + std::string(4000, 'x') + "\"}", five).code(),
            "string_above_max_length");
  const std::string long_words(4097, 'x');
  EXPECT_EQ(error_of(R"({"input":"Hi.","instructions":")" + long_words + "\"}").code(),
            "string_above_max_length");
}

TEST(SpeechOrder, RefusesWhatIsNoJson) {
  for (const char* body : {"", "{", "[]", "7", "\"x\"", "model=tts-1", "{\"input\":\"\xFF\"}"}) {
    EXPECT_EQ(error_of(body).status(), 400) << body;
    EXPECT_EQ(error_of(body).code(), "invalid_json") << body;
  }
}

TEST(SpeechOrder, SurvivesMutatedBodies) {
  const std::string whole = R"({"model":"tts-1","input":"Hello there.","voice":{"id":"anna"},)"
                            R"("response_format":"mp3","speed":1.25,"seed":7,"stream":true,)"
                            R"("extra_body":{"num_steps":[8,15],"block_sizes":[32,128]}})";
  const std::string alphabet = "{}[]\",:0123456789.-+eEtrufalsn \\u\x80\xFF";
  std::mt19937 random(7);
  for (int i = 0; i < 10'000; ++i) {
    std::string body = whole;
    for (int change = static_cast<int>(random() % 4); change >= 0; --change) {
      const size_t at = random() % body.size();
      const char letter = alphabet[random() % alphabet.size()];
      switch (random() % 3) {
        case 0:
          body[at] = letter;
          break;
        case 1:
          body.insert(at, 1, letter);
          break;
        default:
          body.erase(at, 1 + random() % 5);
      }
      if (body.empty()) body = "{";
    }
    const int status = error_of(body).status();
    ASSERT_TRUE(status == 0 || status == 400 || status == 404) << status << " for " << body;
  }
}

TEST(OpenAiErrors, TellClientsWhetherToTryAgain) {
  const auto header = [](const OpenAiError& error, std::string_view name) {
    return std::string(find_header(error.response().headers, name).value_or("none"));
  };
  using std::chrono::milliseconds;
  const OpenAiError full = OpenAiError(429, "full", "queue_full").retry_after(milliseconds(1));
  EXPECT_EQ(header(full, "Retry-After"), "1");
  EXPECT_EQ(header(full, "retry-after-ms"), "1");
  EXPECT_EQ(full.type(), "rate_limit_error");
  EXPECT_EQ(header({503, "loading", "loading"}, "retry-after-ms"), "1000");
  EXPECT_EQ(header({500, "broken", "internal"}, "x-should-retry"), "false");
  EXPECT_EQ(header({400, "wrong"}, "x-should-retry"), "none");
  EXPECT_EQ(header({401, "key", "invalid_api_key"}, "WWW-Authenticate"), "Bearer");
  EXPECT_EQ(OpenAiError(403, "no").type(), "permission_error");
  EXPECT_EQ(OpenAiError(500, "no").type(), "server_error");
}

}  // namespace
}  // namespace echo::server
