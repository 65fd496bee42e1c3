// A request between the thread that submits it and the device's.
#pragma once

#include <memory>

#include "engine/prepared_speech.h"
#include "engine/speech_pipe.h"

namespace echo {

// Handed over once: the submitting thread makes it, the device's thread takes it apart.
struct SpeechTask {
  PreparedSpeech prepared;
  std::shared_ptr<SpeechPipe> pipe;
};

}  // namespace echo
