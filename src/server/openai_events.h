// The events of OpenAI's speech stream, as text/event-stream.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/openai_error.h"

namespace echo::server {

// speech.audio.delta: the next bytes of the file.
std::string delta_event(std::string_view bytes);
// speech.audio.done: the file is complete.
std::string done_event(int64_t input_tokens, int64_t output_tokens);
// speech.audio.error: it will not be.
std::string error_event(const OpenAiError& error);

}  // namespace echo::server
