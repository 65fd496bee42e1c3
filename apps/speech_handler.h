// The speech service as the handler of a worker or a local API.
#pragma once

#include "runpod/handler.h"
#include "speech/speech_service.h"

namespace echo::apps {

// `service` must outlive the handler.
runpod::Handler make_speech_handler(SpeechService& service);

}  // namespace echo::apps
