// Whether a take of a chunk is good enough to be heard.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "audio/continuation.h"
#include "audio/voice_print.h"

namespace echo {

// One attempt at a chunk, as the judge gets to hear it.
struct ChunkTake {
  std::string_view text;  // of the chunk, as the caller wrote it
  uint64_t seed = 0;
  int64_t attempt = 0;                        // from 0
  int64_t window_frames = 0;                  // that were sampled
  int64_t frames = 0;                         // that are kept of them
  bool ended = false;                         // speech ended within the window
  std::span<const float> samples;             // decoded, mono, kModelRate
  const VoicePrint* voice = nullptr;          // whose it should be; null: anybody's
  const SpeechSound* goes_on_from = nullptr;  // what it is to continue; null: nothing
  double chars_per_second = 12;               // how fast the speaker has spoken so far
  // False when only the first block is there: what follows will be given out as it is decoded.
  bool complete = true;
};

// What the judge makes of a take.
struct ChunkVerdict {
  enum class Action {
    kKeep,             // it is good
    kRetake,           // another seed may do better; when none may be tried, the best take is kept
    kKeepWithWarning,  // another seed would not do better
  };
  Action action = Action::kKeep;
  double score = 0;  // badness: of several takes the one with the least is kept
  std::vector<std::string> reasons = {};   // short stable words: "empty", "clipped"
  std::vector<std::string> warnings = {};  // sentences for the caller, should this take be kept
};

// Called on the device's thread with every take before anything of it is given out: return within
// milliseconds. An exception ends the request.
using ChunkJudge = std::function<ChunkVerdict(const ChunkTake&)>;

}  // namespace echo
