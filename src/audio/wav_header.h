// Headers of WAV files that the library misreads.
// For the files of this folder only.
#pragma once

#include "audio/input.h"

namespace echo {

// Samples may have fewer bits than the bytes they lie in (24 in 32 is what recorders on Windows
// write); the bits fill the bytes from the top. The library counts by the bits and takes such a
// file for one of narrower samples. Here the header is made to say what the bytes are. Other files
// stay as they are.
void mend_wav_header(AudioInput& input);

}  // namespace echo
