// The engine as seen from here, so that everything around it is tested without one.
#pragma once

#include <functional>
#include <stop_token>

#include "engine/speech_request.h"

namespace echo {

// Speaks and waits for the result, as Engine::speak() does: on the caller's thread, several at
// once, ended with kCancelled within a step of a stop request. Callbacks may come on another
// thread.
using SpeechFunction = std::function<SpeechResult(SpeechRequest, SpeechCallbacks, std::stop_token)>;

}  // namespace echo
