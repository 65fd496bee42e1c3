// The speech service as the handler of a worker or a local API.
#pragma once

#include "job/handler.h"
#include "speech/speech_service.h"

namespace echo {

// `service` must outlive the handler.
Handler make_speech_handler(SpeechService& service);

}  // namespace echo
