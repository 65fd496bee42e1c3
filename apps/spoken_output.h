// Speech from the engine to a file or to standard output.
#pragma once

#include <optional>

#include "apps/output_file.h"
#include "audio/format.h"
#include "engine/engine.h"
#include "speech/spoken_audio.h"

namespace echo::apps {

// Speaks into the file, which is complete in its headers and gets its name at the end; without one
// to standard output, each piece as soon as it is made. Nothing: whoever read standard output went
// away, which ends the synthesis within a step. When the process is interrupted, what was sent to
// standard output is ended properly, and kCancelled is thrown. kUnavailable when it cannot be
// written. `quiet`: no line of progress.
std::optional<SpokenAudioSummary> speak_out(Engine& engine, SpeechRequest request,
                                            const EncodeOptions& encoding,
                                            std::optional<OutputFile>& file, bool quiet);

// Throws kInvalidArgument, with a hint, when standard output is a terminal.
void refuse_terminal();

}  // namespace echo::apps
