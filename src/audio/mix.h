// Decoded frames of any sample format become one channel of floats.
// For the files of this folder only.
#pragma once

#include <vector>

#include "audio/ffmpeg.h"

namespace echo {

// Appends the mean over the channels of every sample of a frame, integers scaled to [-1, 1).
// Returns false, with nothing appended, when the frame's sample format is none that is known here.
bool append_mono(const AVFrame& frame, std::vector<float>& mono);

}  // namespace echo
