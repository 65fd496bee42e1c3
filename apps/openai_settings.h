// Settings of OpenAI's API from the environment.
#pragma once

#include "apps/environment.h"
#include "server/openai_routes.h"
#include "speech/voice_uploads.h"

namespace echo::apps {

// ECHO_MAX_INPUT_CHARS, ECHO_MODEL_ALIASES, ECHO_VOICE_ALIASES, ECHO_DEFAULT_VOICE,
// ECHO_PUBLIC_LISTS, ECHO_HEAD_AFTER, ECHO_VOICE_MAX_BYTES. Errors: kInvalidArgument, naming the
// variable.
server::OpenAiOptions openai_options_of(const Environment& environment);

// ECHO_VOICE_MAX_BYTES, ECHO_MAX_VOICES. Errors as above.
VoiceUploadOptions voice_upload_options_of(const Environment& environment);

// Whether a variable is 1 or true, or 0 or false; `otherwise` where it is not set. Errors as above.
bool is_on(const Environment& environment, const char* name, bool otherwise);

// The entries of a list with commas, blanks at their ends cut off; empty ones are left out.
std::vector<std::string> list_of(const std::string& text);

}  // namespace echo::apps
