// Whether a file ends before its own structure does, where the multiplexers do not tell.
// For the files of this folder only.
#pragma once

#include "audio/input.h"

namespace echo {

// True for a RIFF file shorter than its header states, and for an Ogg file whose last page is cut
// or is not marked as the stream's end. False for all other kinds.
bool ends_early(const AudioInput& input);

}  // namespace echo
