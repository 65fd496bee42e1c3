#include "bench/delivery.h"

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <semaphore>
#include <stdexcept>
#include <thread>

#include "audio/voice.h"
#include "bench/speech_listener.h"
#include "engine/speech_pipe.h"
#include "engine/speech_stream.h"
#include "server/api_server.h"
#include "speech/live_speech.h"
#include "support/fake_speech.h"
#include "support/kept_log.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr int kPieces = 20;
constexpr size_t kPieceSamples = kModelRate / 2;
constexpr auto kPatience = std::chrono::seconds(10);

// Gives out a piece whenever the one before has been heard.
class PacedEngine {
 public:
  SpeechStream operator()(const SpeechRequest&, SpeechCallbacks callbacks) {
    auto pipe = std::make_shared<SpeechPipe>(std::move(callbacks));
    pipe->start();
    thread_ = std::jthread([this, pipe] { speak(*pipe); });
    return SpeechStream(pipe);
  }

  // Seconds since the piece that is on its way was given out; nothing when none is.
  std::optional<double> heard() {
    const SteadyClock::time_point now = SteadyClock::now();
    const std::scoped_lock lock(mutex_);
    if (!given_) return std::nullopt;
    const double seconds = std::chrono::duration<double>(now - *given_).count();
    given_.reset();
    come_.release();
    return seconds;
  }

 private:
  void speak(SpeechPipe& pipe) {
    for (int i = 0; i < kPieces; ++i) {
      std::vector<float> samples = FakeSpeech::tone(kPieceSamples);
      {
        const std::scoped_lock lock(mutex_);
        given_ = SteadyClock::now();
      }
      pipe.push(std::move(samples));
      if (!come_.try_acquire_for(kPatience)) return pipe.fail_as_cancelled();
    }
    SpeechSummary summary;
    SpokenChunk chunk;
    chunk.seconds = static_cast<double>(kPieces * kPieceSamples) / kModelRate;
    summary.chunks.push_back(std::move(chunk));
    pipe.succeed(std::move(summary));
  }

  std::mutex mutex_;
  std::optional<SteadyClock::time_point> given_;
  std::binary_semaphore come_{0};
  std::jthread thread_;
};

}  // namespace

std::vector<Delivery> measure_delivery(int requests) {
  const TempDir folder;
  Logger logger({}, std::make_shared<KeptLog>());
  PacedEngine engine;
  const VoiceDirectory directory(folder.path().string());
  VoiceLibrary voices(directory);
  LiveSpeech speech({.speak = std::ref(engine), .voices = voices, .logger = logger});
  server::ServerOptions options;
  options.http.host = "127.0.0.1";
  options.http.port = 0;
  server::ApiServer server(options, server::ServerParts{logger});
  server.start();
  server.set_speech(speech);
  server.set_ready([](const Job&, JobContext&) { return JobResult{}; });
  std::vector<Delivery> all;
  for (const char* format : {"pcm", "wav", "flac", "opus", "mp3", "aac"}) {
    Delivery delivery{format, {}, {}};
    const std::string body =
        R"({"input": "Half a second.", "response_format": ")" + std::string(format) + "\"}";
    for (int request = 0; request <= requests; ++request) {
      int pieces = 0;
      hear_speech(server.port(), body, [&](double, size_t) {
        const auto seconds = engine.heard();
        if (!seconds) return;  // what ends the file
        ++pieces;
        if (request > 0) (pieces == 1 ? delivery.first : delivery.later).push_back(*seconds);
      });
      if (pieces < kPieces) throw std::runtime_error("a piece was not heard");
    }
    all.push_back(std::move(delivery));
  }
  return all;
}

}  // namespace echo
