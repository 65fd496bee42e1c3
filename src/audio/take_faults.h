// What may be wrong with a recording of speech that a model made.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "audio/speech_level.h"
#include "audio/voice_print.h"

namespace echo {

// What the text lets expect.
struct TakeExpectation {
  double speech_seconds = 0;           // 0: any length may be right
  size_t text_chars = 0;               // code points, for the warnings
  bool may_pause = false;              // the text has something that a speaker stops at
  bool ended = true;                   // the model came to an end within its window
  double last_frames_seconds = 0.372;  // of a window without an end: where speech means it was cut
  const VoicePrint* voice = nullptr;   // whose it should be; null: anybody's
  bool complete = true;                // false: more of the same take follows
};

struct TakeFault {
  std::string_view reason;  // a stable word: empty short long no_end silence_inside late_start
                            // clipped quiet noise voice
  double score = 0;         // badness
  std::string warning;      // a sentence for the caller
};

// Returns the faults of a take, the gravest first; none for a good one. Mono, finite samples.
// A take that is not complete is judged by what can be told from a beginning.
std::vector<TakeFault> find_take_faults(std::span<const float> samples, int sample_rate,
                                        const TakeExpectation& expectation);

}  // namespace echo
