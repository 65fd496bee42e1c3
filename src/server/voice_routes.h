// Voices over HTTP: listed, looked at, heard, uploaded, deleted.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "http/background_thread.h"
#include "http/router.h"
#include "server/speech_order.h"
#include "speech/voice_uploads.h"

namespace echo::server {

struct VoiceRouteOptions {
  bool public_list = false;                                  // it needs no key
  bool uploads = false;                                      // voices may be uploaded and deleted
  std::uint64_t max_bytes = VoiceUploadOptions().max_bytes;  // of a recording
};

class VoiceRoutes {
 public:
  // The names of models are in `orders`. `lookups`, where the disk may be looked at, must outlive
  // the routes.
  VoiceRoutes(VoiceRouteOptions options, const SpeechOrderOptions& orders,
              http::BackgroundThread& lookups);

  // Adds them below one of the API's prefixes.
  void add_to(http::Router& router, const std::string& base);

  // What there is; until then requests are told to come again. `uploads` may be null: then nothing
  // can be uploaded. Both must outlive the routes. Once.
  void set_ready(const VoiceDirectory& directory, VoiceUploads* uploads);

 private:
  const VoiceDirectory& ready() const;
  std::optional<http::Response> refusal() const;
  void list(const http::Call& call);
  void voice(const http::Call& call);
  void audio(const http::Call& call);
  void create(http::Call&& call);
  void remove(const http::Call& call);

  const VoiceRouteOptions options_;
  const SpeechOrderOptions orders_;
  http::BackgroundThread& lookups_;
  std::atomic<VoiceUploads*> uploads_{nullptr};
  std::atomic<const VoiceDirectory*> directory_{nullptr};
  http::BackgroundThread changes_;  // last: what it does uses the others
};

}  // namespace echo::server
