// A server whose speech is a tone, with voices, for tests of OpenAI's API.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "audio/encode.h"
#include "server/test_server.h"
#include "speech/live_speech.h"
#include "support/fake_speech.h"
#include "support/kept_log.h"
#include "support/temp_dir.h"

namespace echo::server {

class OpenAiApi : public ::testing::Test {
 protected:
  // The voices' files, below a folder.
  void add_voice(const std::string& file) {
    std::filesystem::create_directories((dir_ / file).parent_path());
    std::ofstream(dir_ / file, std::ios::binary)
        << encode_audio(FakeSpeech::tone(2 * kModelRate), {AudioFormat::kWav, 0, 0});
  }

  // Starts the server; nothing is answered before.
  void serve(ServerOptions options = {}, bool ready = true) {
    TestServer::Setup setup;
    setup.options = std::move(options);
    setup.metrics = &metrics_;
    server_ = std::make_unique<TestServer>(std::move(setup));
    if (ready) server_->api().set_speech(speech_);
  }

  // The answer to a request for speech of "Hello there." with these fields beside.
  Answer speak(Json body = Json::object(), HttpHeaders headers = {}) const {
    if (!body.contains("input")) body["input"] = "Hello there.";
    return server_->request("POST", "/v1/audio/speech", body.dump(), std::move(headers));
  }
  // The bytes of that request, for clients that are read piece by piece.
  static std::string raw_request(const Json& body) {
    const std::string text = body.dump();
    return "POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
           std::to_string(text.size()) + "\r\n\r\n" + text;
  }

  TempDir dir_;
  std::shared_ptr<KeptLog> log_ = std::make_shared<KeptLog>();
  Logger logger_{LogOptions{}, log_};
  Metrics metrics_;
  FakeSpeech fake_;
  // What speaks; a test may put something else in its place.
  SpeechFunction speak_ = std::ref(fake_);
  VoiceDirectory voices_{dir_.path().string()};
  VoiceLibrary library_{voices_};
  LiveSpeech speech_{
      {.speak = [this](SpeechRequest request,
                       SpeechCallbacks callbacks) { return speak_(request, callbacks); },
       .voices = library_,
       .logger = logger_,
       .finished = [this](const JobReport& report) { metrics_.speech_finished(report); }}};
  std::unique_ptr<TestServer> server_;  // last: it uses all of the above
};

}  // namespace echo::server
