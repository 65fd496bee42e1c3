// Settings of OpenAI's API from the environment.
#pragma once

#include "apps/environment.h"
#include "server/openai_routes.h"

namespace echo::apps {

// ECHO_MAX_INPUT_CHARS, ECHO_MODEL_ALIASES, ECHO_VOICE_ALIASES, ECHO_DEFAULT_VOICE,
// ECHO_PUBLIC_LISTS, ECHO_HEAD_AFTER. Errors: kInvalidArgument, naming the variable.
server::OpenAiOptions openai_options_of(const Environment& environment);

// The entries of a list with commas, blanks at their ends cut off; empty ones are left out.
std::vector<std::string> list_of(const std::string& text);

}  // namespace echo::apps
