// Speech from the engine to a file or to standard output.
#pragma once

#include <optional>
#include <stop_token>

#include "apps/output_file.h"
#include "audio/format.h"
#include "engine/engine.h"
#include "speech/spoken_audio.h"

namespace echo::apps {

// Speaks into the file, which is complete in its headers and gets its name at the end; without one
// to standard output, each piece as soon as it is made. Returns nothing when whoever read standard
// output has gone away, which ends the synthesis within a step. Throws kCancelled when `stop` is
// requested, after it has properly ended what was sent to standard output, and kUnavailable when
// that cannot be written. `quiet` shows no line of progress.
std::optional<SpokenAudioSummary> speak_out(Engine& engine, SpeechRequest request,
                                            const EncodeOptions& encoding,
                                            std::optional<OutputFile>& file, bool quiet,
                                            std::stop_token stop);

// Throws kInvalidArgument, with a hint, when standard output is a terminal.
void refuse_terminal();

}  // namespace echo::apps
