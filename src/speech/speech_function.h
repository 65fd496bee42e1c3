// The engine as seen from here, so that everything around it is tested without one.
#pragma once

#include <functional>

#include "engine/speech_request.h"
#include "engine/speech_stream.h"

namespace echo {

// Starts a request as Engine::start() does. Called on any thread, several at once; callbacks may
// come on another thread until the stream has ended.
using SpeechFunction = std::function<SpeechStream(SpeechRequest, SpeechCallbacks)>;

}  // namespace echo
