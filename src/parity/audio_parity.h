// Comparisons of the audio that comes in and goes out.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "parity/report.h"

namespace echo::parity {

// Reads the bytes of an audio file, at most so many seconds of it, as a voice's reference: mono, at
// the model's rate. audio/voice.h has one; who compares only models needs none, and none of the
// libraries behind it.
using RecordingReader =
    std::function<std::vector<float>(const std::string& bytes, double max_seconds)>;

// Reference recordings: decoding, mixing, resampling, peak ("tiny").
void check_load_audio(const GoldenSet& set, const RecordingReader& read, Report& report);
// Crossfades and pauses between chunks ("tiny").
void check_joining(const GoldenSet& set, Report& report);

}  // namespace echo::parity
