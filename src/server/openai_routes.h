// OpenAI's speech API: audio/speech, models, voices, under each of its prefixes.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/log.h"
#include "http/background_thread.h"
#include "http/router.h"
#include "server/openai_answer.h"
#include "server/speech_queue.h"
#include "server/voice_routes.h"

namespace echo::server {

struct OpenAiOptions {
  SpeechOrderOptions orders;
  OpenAiAnswerOptions answers;
  bool public_lists = false;                                  // models and voices need no key
  bool voice_uploads = false;                                 // voices may be added and removed
  std::uint64_t voice_bytes = VoiceRouteOptions().max_bytes;  // of a recording
  size_t waiting_bytes = size_t{256} << 20;                   // of all answers together
  std::uint64_t body_limit = std::uint64_t{1} << 20;
};

// Whether the path belongs to OpenAI's API, so that every answer to it has OpenAI's shape.
bool is_openai_path(std::string_view path);

// What the server itself says there: unknown paths, keys, sizes. `status` as the server chose it.
OpenAiError openai_refusal(int status, std::string_view method, std::string_view path);

class OpenAiRoutes {
 public:
  // Speech waits in `queue` for its turn. `metrics` may be null; what is referred to must outlive
  // the routes.
  OpenAiRoutes(OpenAiOptions options, SpeechQueue& queue, Metrics* metrics);
  ~OpenAiRoutes();

  void add_to(http::Router& router);

  // Of requests for speech; null until set_ready().
  const SpeechParameters* defaults() const {
    const LiveSpeech* speech = speech_;
    return speech == nullptr ? nullptr : &speech->defaults();
  }

  // Speech is made by it from now on; until then requests are told to come again. `uploads` may be
  // null. Once.
  void set_ready(LiveSpeech& speech, VoiceUploads* uploads = nullptr);

 private:
  using Handle = void (OpenAiRoutes::*)(const http::Call&);

  void speech(const http::Call& call);
  void begin(SpeechOrder order, const http::Call& call);
  // What would be spoken: no voice, no model, no device is needed.
  void preview(const http::Call& call);
  void models(const http::Call& call);
  void model(const http::Call& call);
  void audio_models(const http::Call& call);
  LiveSpeech& ready() const;
  VoiceCatalog catalog() const { return VoiceCatalog(ready().voices().directory()); }

  const OpenAiOptions options_;
  SpeechQueue& queue_;
  Metrics* const metrics_;
  http::ByteBudget budget_;
  std::atomic<LiveSpeech*> speech_{nullptr};
  VoiceRoutes voices_;
  http::BackgroundThread lookups_;  // last: what it does uses the others
};

}  // namespace echo::server
