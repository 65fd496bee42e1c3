// Whether a recording is of the voice of another.
#pragma once

#include <array>
#include <optional>
#include <span>

#include "audio/voice_features.h"

namespace echo {

// What a voice is known by.
struct VoicePrint {
  double pitch = 0;  // its median, in Hz; 0: none was found
  Timbre timbre{};
  double variation = 0;  // the timbre's distance between two halves of the recording itself
};

// Of the first half a minute of a mono recording; none where there is less than a second of speech.
std::optional<VoicePrint> voice_print(std::span<const float> samples, int sample_rate);

// Whether mono samples are spoken by somebody else: more than seven semitones away, and three times
// as unlike as the recording's own halves are. What cannot be told is no other voice.
bool is_other_voice(const VoicePrint& voice, std::span<const float> samples, int sample_rate);

// A print as plain numbers, to be stored.
using VoicePrintValues = std::array<float, 14>;
VoicePrintValues values_of(const VoicePrint& print);
VoicePrint print_of(std::span<const float> values);  // at least as many

}  // namespace echo
