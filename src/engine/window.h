// What a request's parameters mean for its text: how it is cut, and how many frames a chunk needs.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/speech_parameters.h"
#include "text/text_options.h"

namespace echo {

// A part of a text that is never divided where chunks hear those before them: what the slowest
// speaker says in a window with as much before it.
inline constexpr size_t kStrandPartChars = 104;

TextOptions text_options_of(const SpeechParameters& parameters);

// The characters a second that the speaker says, as far as the request knows.
inline double pace_of(const SpeechParameters& parameters) {
  return parameters.chars_per_second.value_or(kCharsPerSecond);
}

// The frames in which a chunk of so many characters is spoken, with a reserve: a multiple of 4,
// from 96 to kMaxFrames.
int64_t window_frames(int64_t chars, double chars_per_second = kCharsPerSecond);

// The frames to go on with when a window of `window` frames turned out to be too short and
// `sampled` have been sampled in all; 0 when the model can hear no further.
int64_t further_frames(int64_t window, int64_t sampled);

}  // namespace echo
