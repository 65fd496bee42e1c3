// OpenAI's own clients, unmodified, against the speech API.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>

#include "audio/decode.h"
#include "base/file_io.h"
#include "server/openai_fixture.h"
#include "support/child_process.h"
#include "support/client_python.h"
#include "support/paths.h"

namespace echo::server {
namespace {

using ::testing::StartsWith;

class NetOpenAi : public OpenAiApi {
 protected:
  NetOpenAi() {
    held_.at_step = [this](const SpeechProgress& progress, const std::stop_token& stop) {
      if (progress.chunk < 2) return;
      std::unique_lock lock(mutex_);
      ++held_count_;
      changed_.wait(lock, stop, [] { return false; });
    };
    speak_ = [this](SpeechRequest request, SpeechCallbacks callbacks) {
      const int call = count(request.text);
      if (request.text == "Break it.") throw_internal("the device broke");
      if (request.text == "Try again." && call == 1) throw_unavailable("the device is busy");
      return request.text.starts_with("Leave me") ? held_(request, callbacks)
                                                  : fake_(request, callbacks);
    };
    add_voice("anna.wav");
    ServerOptions options;
    options.api_keys = {"key"};
    serve(options);
    TestServer::Setup full;
    full.options.work.capacity = 0;
    full_ = std::make_unique<TestServer>(std::move(full));
    full_->api().set_speech(speech_);
  }
  ~NetOpenAi() override {
    server_.reset();
    full_.reset();
  }

  // What the client saw: `command`, then the ports and a folder for its files.
  Json saw(std::vector<std::string> command) {
    command.insert(command.end(), {std::to_string(server_->port()), std::to_string(full_->port()),
                                   dir_.path().string()});
    return Json::parse(run_program(command));
  }

  void expect_format(const Json& found, const std::string& name, const std::string& type,
                     int rate) {
    EXPECT_EQ(found["types"][name], type);
    const std::string bytes = read_file(dir_ / ("speech." + name));
    if (name == "pcm") {
      EXPECT_EQ(bytes.size(), 2U * 24000);  // twelve characters are a second
      return;
    }
    const DecodedAudio audio = decode_audio_bytes(bytes, name);
    EXPECT_EQ(audio.codec, name == "wav" ? "pcm_s16le" : name);
    EXPECT_EQ(audio.sample_rate, rate);
    EXPECT_NEAR(static_cast<double>(audio.samples.size()) / rate, 1, 0.06) << name;
  }

  static void expect_error(const Json& error, const char* name, int status, const char* type,
                           const Json& code, const Json& param) {
    EXPECT_EQ(error["name"], name);
    EXPECT_EQ(error["status"], status);
    EXPECT_EQ(error["type"], type);
    EXPECT_EQ(error["code"], code);
    EXPECT_EQ(error["param"], param);
    EXPECT_THAT(error["id"].get<std::string>(), StartsWith("req_"));
  }

  void expect_all(const Json& found) {
    expect_format(found, "mp3", "audio/mpeg", 44100);
    expect_format(found, "opus", "audio/ogg; codecs=opus", 48000);
    expect_format(found, "aac", "audio/aac", 44100);
    expect_format(found, "flac", "audio/flac", 44100);
    expect_format(found, "wav", "audio/wav", 44100);
    expect_format(found, "pcm", "audio/pcm; rate=24000; channels=1", 24000);

    EXPECT_EQ(found["events_type"], "text/event-stream; charset=utf-8");
    EXPECT_EQ(found["events"], Json({"speech.audio.delta", "speech.audio.done"}));
    EXPECT_EQ(found["events_are_the_file"], true);
    EXPECT_EQ(found["usage"],
              Json({{"input_tokens", 18}, {"output_tokens", 22}, {"total_tokens", 40}}));

    EXPECT_EQ(found["models"], Json({"echo-tts", "tts-1", "tts-1-hd", "gpt-4o-mini-tts"}));
    EXPECT_EQ(found["model"], "tts-1");
    for (const char* prefix : {"/v1", "/openai/v1", "/v2/any/openai/v1"}) {
      EXPECT_EQ(found["prefixes"][prefix], 2 * 24000) << prefix;
    }

    const char* wrong = "invalid_request_error";
    expect_error(found["unknown_model"], "NotFoundError", 404, wrong, "model_not_found", "model");
    expect_error(found["unknown_voice"], "NotFoundError", 404, wrong, "voice_not_found", "voice");
    expect_error(found["bad_speed"], "BadRequestError", 400, wrong, nullptr, "speed");
    expect_error(found["broken"], "InternalServerError", 500, "server_error", "internal", nullptr);
    expect_error(found["wrong_key"], "AuthenticationError", 401, wrong, "invalid_api_key", nullptr);
    expect_error(found["full"], "RateLimitError", 429, "rate_limit_error", "queue_full", nullptr);
    EXPECT_EQ(found["full"]["again"], "1000");
    EXPECT_EQ(found["full_asked"], 3) << "a full queue is asked again, twice";

    // A 500 says that the same would happen again; a 503 says when to come again, which is later
    // than the clients would by themselves.
    EXPECT_EQ(counts_["Break it."], 1);
    EXPECT_EQ(counts_["Try again."], 2);
    EXPECT_EQ(found["retried_bytes"], 2 * 20000);  // ten characters
    EXPECT_GE(found["retried_after"], 1);
    EXPECT_EQ(found["left"], 2);
    EXPECT_EQ(held_count_, 2) << "they left in the middle, not at the end";
    EXPECT_TRUE(server_->api().work().wait_idle(std::chrono::minutes(1)));
  }

 private:
  int count(const std::string& text) {
    const std::lock_guard lock(mutex_);
    return ++counts_[text];
  }

  FakeSpeech held_;
  std::unique_ptr<TestServer> full_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, int> counts_;
  int held_count_ = 0;
};

TEST_F(NetOpenAi, TheJavaScriptClientWorksUnmodified) {
  expect_all(saw({"node", source_path("/tests/js/openai_speech.js")}));
}

TEST_F(NetOpenAi, ThePythonClientWorksUnmodified) {
  const auto python = client_python();
  if (!python) GTEST_SKIP() << kNoClientPython;
  expect_all(saw({*python, source_path("/tests/python/openai_speech.py")}));
}

}  // namespace
}  // namespace echo::server
