// Speech on its way out: a stream of samples becomes the bytes of a file, for every exit.
//
//   SpokenAudio audio(engine.start(request), {.encoding = {AudioFormat::kOggOpus}});
//   while (auto bytes = audio.next(stop)) connection.send(*bytes);
//   log(audio.finish().speech.seconds());
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

#include "audio/encode.h"
#include "engine/speech_failure.h"
#include "engine/speech_stream.h"

namespace echo {

// Takes the next bytes, never none. May wait, and so makes the encoder wait, and in the end the
// engine. Returns false when no more are wanted.
using ByteSink = std::function<bool(std::string_view bytes)>;

struct SpokenAudioOptions {
  EncodeOptions encoding;
  // kStream: bytes as soon as there is sound for them. kWhole: one file at the end.
  AudioEncoder::Mode mode = AudioEncoder::Mode::kStream;
  // With kWhole: a descriptor that may be read, written and sought, which gets the file instead of
  // the sink, so that nothing of it is held; -1: none.
  int file = -1;
  double speed = 1;  // see TimeStretch
  // Told, before the bytes of the sound, where on the output's time line it ends. Seconds.
  std::function<void(double)> pushed = {};
  // End the file of a request that is cancelled properly after what has been spoken.
  bool close_when_cancelled = false;
  // Bytes that may wait for a reader of SpokenAudio before the encoder waits.
  size_t unread_bytes = size_t{16} << 20;
};

// How it went.
struct SpokenAudioSummary {
  SpeechSummary speech;
  uint64_t bytes = 0;
  double encode_seconds = 0;
  // From the beginning to the first samples, and to the first bytes that the sink has taken.
  std::optional<double> first_audio_seconds = {}, first_bytes_seconds = {};
  // The longest that whoever plays from the first samples on has to wait for more.
  double underrun_seconds = 0;
};

// Pulls the stream to its end and encodes it, on the calling thread. Throws what ended the request;
// kCancelled when the sink wanted no more; kUnavailable (of kind no_speech or audio_rejected) for
// speech that is no sound. A requested `stop` cancels the request.
SpokenAudioSummary encode_speech(SpeechStream& stream, const SpokenAudioOptions& options,
                                 const ByteSink& sink, std::stop_token stop = {});

// The same on a thread of its own, pulled by any one thread at a time. Destroying it before the end
// cancels the request.
class SpokenAudio {
 public:
  SpokenAudio(SpeechStream stream, SpokenAudioOptions options);
  ~SpokenAudio();
  SpokenAudio(const SpokenAudio&) = delete;
  SpokenAudio& operator=(const SpokenAudio&) = delete;

  // Waits for the next bytes, never none; returns nothing at the end of the file. Throws as
  // encode_speech(), once what came before has been returned. A requested `stop` cancels.
  std::optional<std::string> next(std::stop_token stop = {});
  // Waits for at most `duration` and returns whether next() would return or throw at once.
  bool wait_for(std::chrono::milliseconds duration) const;
  // Called, on the encoder's thread, whenever next() has come to return or throw at once; also now
  // if it would. For readers that must not wait.
  void when_ready(std::function<void()> ready);

  // Any thread.
  void cancel();
  SpeechProgress progress() const { return stream_.progress(); }

  // Drops what has not been read and waits for the end. Throws as next().
  SpokenAudioSummary finish();

 private:
  void run();
  bool put(std::string_view bytes);
  bool ready() const { return !unread_.empty() || ended_; }
  void notify();

  SpeechStream stream_;
  const SpokenAudioOptions options_;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::function<void()> when_ready_;
  std::deque<std::string> unread_;
  size_t unread_bytes_ = 0;
  bool unbounded_ = false;  // the encoder need not wait
  bool dropping_ = false;   // nobody will read
  bool ended_ = false;
  std::optional<SpeechFailure> failure_;
  SpokenAudioSummary summary_;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace echo
