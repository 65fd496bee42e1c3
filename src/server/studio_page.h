// The page on which people try the server: text, voices, sound, numbers. Its sources are files of
// studio/; it loads nothing but itself.
#pragma once

#include <string_view>

#include "base/json.h"
#include "engine/speech_parameters.h"
#include "http/http_server.h"

namespace echo::server {

// The page in three parts, made of studio/ when the program is built (cmake/embed_studio.cmake).
extern const std::string_view kStudioHtml, kStudioStyle, kStudioScript;

// The page, with a policy that lets it run its own script and style and talk to its own server.
http::Response studio_page();

// What the page asks the server for at first, free of keys as itself.
struct StudioSettings {
  const SpeechParameters* defaults = nullptr;  // of requests; null: the model is being loaded
  std::size_t max_input_chars = 0;
  bool uploads = false;
  std::uint64_t max_voice_bytes = 0;
};
// {"ready", "max_input_chars", "uploads", "max_voice_bytes", "parameters": {name: {"default",
// "minimum", "maximum"}...}}: defaults as text, "null" for none.
Json studio_settings_json(const StudioSettings& settings);

}  // namespace echo::server
