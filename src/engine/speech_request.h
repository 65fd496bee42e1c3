// What the engine is asked for, and what it answers.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "audio/voice.h"
#include "engine/speech_parameters.h"

namespace echo {

// A recording whose voice is to be imitated.
struct VoiceReference {
  // Names the content: equal keys must mean equal samples, since a voice is encoded once and then
  // found by its key. A hash of the recording's bytes, for example.
  std::string key;
  // Gives the recording: mono, kModelRate, in [-1, 1]. Called at most once, on the thread that
  // submits, and only when the voice is not known yet; what it throws is thrown on.
  std::function<std::vector<float>()> load;
};

// A reference that is in memory; its key is the samples' SHA-256.
VoiceReference voice_of_samples(std::vector<float> samples);

struct SpeechRequest {
  std::string text;
  std::optional<VoiceReference> voice;
  SpeechParameters parameters;
};

struct SpeechProgress {
  int64_t chunk = 0, chunks = 0;  // the chunk that has just taken a step, from 1
  int64_t step = 0, steps = 0;    // of that chunk, from 1
  double fraction = 0;            // of all steps of the request
};

// Called on the device's thread: return soon, and do not wait for the engine. An exception ends the
// request with that exception.
struct SpeechCallbacks {
  std::function<void(const SpeechProgress&)> progress;
  // Samples that are final, in order, as chunks and, in chunks of several blocks, blocks are
  // finished; together they are the result's.
  std::function<void(std::span<const float>)> audio;
};

struct SpokenChunk {
  int64_t text_chars = 0;  // code points
  uint64_t seed = 0;
  double seconds = 0;  // before joining
};

// Seconds. Stages of requests that are served together overlap.
struct StageTimings {
  double queue = 0;      // waiting for the device
  double voice = 0;      // reference to keys and values
  double text = 0;       // text encoder
  double diffusion = 0;  // steps
  double decode = 0;     // latents to samples
  double total = 0;      // from submission to result
};

// Errors: kInvalidArgument when the text has more than `max_chars` code points.
void check_text_length(const std::string& text, int64_t max_chars);

enum class VoiceCacheUse { kNoVoice, kHit, kMiss };

struct SpeechResult {
  std::vector<float> samples;  // mono, kModelRate, finite
  std::vector<SpokenChunk> chunks;
  StageTimings timings;
  VoiceCacheUse voice_cache = VoiceCacheUse::kNoVoice;
  std::vector<std::string> warnings;  // sentences for the caller

  double seconds() const { return static_cast<double>(samples.size()) / kModelRate; }
};

}  // namespace echo
