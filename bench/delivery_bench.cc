// From the moment that samples are final to the client that has their bytes, in every format: what
// the encoder, the server and the loopback address add. An engine that gives half a second at a
// time.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "audio/voice.h"
#include "bench/speech_listener.h"
#include "engine/speech_pipe.h"
#include "engine/speech_stream.h"
#include "net/curl_http_client.h"
#include "server/api_server.h"
#include "speech/live_speech.h"
#include "support/kept_log.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kPieces = 60;
constexpr auto kPause = std::chrono::milliseconds(15);  // between pieces

// Says when it gave each piece.
class TimedSpeech {
 public:
  SpeechStream operator()(const SpeechRequest&, SpeechCallbacks callbacks) {
    auto pipe = std::make_shared<SpeechPipe>(std::move(callbacks));
    pipe->start();
    thread_ = std::jthread([this, pipe] {
      const std::vector<float> samples = tone();
      for (int i = 0; i < kPieces; ++i) {
        std::this_thread::sleep_for(kPause);
        {
          const std::scoped_lock lock(mutex_);
          given_.push_back(Clock::now());
        }
        pipe->push(samples);
      }
      SpeechSummary summary;
      SpokenChunk chunk;
      chunk.seconds = kPieces * 0.5;
      summary.chunks.push_back(chunk);
      pipe->succeed(std::move(summary));
    });
    return SpeechStream(pipe);
  }
  std::vector<Clock::time_point> take() {
    thread_.join();
    const std::scoped_lock lock(mutex_);
    return std::exchange(given_, {});
  }

 private:
  static std::vector<float> tone() {
    std::vector<float> samples(kModelRate / 2);
    for (size_t i = 0; i < samples.size(); ++i) {
      samples[i] = 0.5F * std::sin(0.0627F * static_cast<float>(i));
    }
    return samples;
  }

  std::mutex mutex_;
  std::vector<Clock::time_point> given_;
  std::jthread thread_;  // last: it uses the others
};

void run() {
  const TempDir folder;
  Logger logger{LogOptions{}, std::make_shared<KeptLog>()};
  TimedSpeech speech;
  VoiceDirectory directory(folder.path().string());
  VoiceLibrary voices(directory);
  LiveSpeech live({.speak = std::ref(speech), .voices = voices, .logger = logger});
  server::ApiServer api(server::ServerOptions{}, server::ServerParts{.logger = logger});
  api.set_ready([](const Job&, JobContext&) { return JobOutcome::success(Json()); });
  api.set_speech(live);
  api.start();
  std::printf("| format | median | 95 %% |\n| --- | --- | --- |\n");
  for (const char* format : {"pcm", "wav", "flac", "mp3", "aac", "opus"}) {
    std::vector<double> heard;
    const Clock::time_point begin = Clock::now();
    const std::string body =
        std::string(R"({"input": "Hello.", "response_format": ")") + format + R"("})";
    hear_speech(api.port(), body, [&](double, size_t) {
      heard.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
    });
    const std::vector<Clock::time_point> given = speech.take();
    std::vector<double> delays;
    for (size_t i = 0; i < std::min(given.size(), heard.size()); ++i) {
      delays.push_back(1000 * (heard[i] - std::chrono::duration<double>(given[i] - begin).count()));
    }
    std::printf("| %s | %.1f ms | %.1f ms |\n", format, quantile(delays, 0.5),
                quantile(delays, 0.95));
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace echo

int main() {
  echo::run();
  return 0;
}
