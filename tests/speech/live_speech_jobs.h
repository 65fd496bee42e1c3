// Jobs whose speech comes while it is made, of a fake engine and without a platform.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <vector>

#include "job/handler.h"
#include "speech/live_speech.h"
#include "support/fake_speech.h"
#include "support/kept_log.h"
#include "support/temp_dir.h"

namespace echo {

class KeptPieces final : public JobContext {
 public:
  void progress(const Json&) override {}
  void stream(const Json& piece) override {
    pieces.push_back(piece);
    if (on_piece) on_piece();
  }
  std::stop_token stop_token() const override { return stop.get_token(); }
  void sign_of_life() override {}
  std::chrono::steady_clock::time_point deadline() const override {
    return std::chrono::steady_clock::time_point::max();
  }

  std::function<void()> on_piece;
  std::stop_source stop;
  std::vector<Json> pieces;
};

class LiveSpeechJobs : public ::testing::Test {
 protected:
  TempDir dir_;
  KeptPieces context_;  // before the fake, whose threads may still ask it
  FakeSpeech fake_;
  VoiceDirectory voices_{dir_.path().string()};
  VoiceLibrary library_{voices_};
  Logger logger_{{}, std::make_shared<KeptLog>()};
  LiveSpeech speech_{{.speak = std::ref(fake_), .voices = library_, .logger = logger_}};
};

}  // namespace echo
