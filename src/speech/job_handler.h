// The speech service as the handler of a worker or a local API.
#pragma once

#include "job/handler.h"
#include "speech/speech_service.h"
#include "speech/streamed_job.h"

namespace echo {

// `service` must outlive the handler.
Handler make_speech_handler(SpeechService& service);

// The same, and jobs that ask for pieces are done by `live`, which must outlive the handler, too.
Handler make_speech_handler(SpeechService& service, LiveSpeech& live,
                            const StreamedJobOptions& options);

}  // namespace echo
