// What the engine is asked for, and what it answers.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "audio/voice.h"
#include "engine/chunk_judge.h"
#include "engine/speech_parameters.h"
#include "text/planned_text.h"

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

// Returns a reference that is in memory; its key is the samples' SHA-256.
VoiceReference voice_of_samples(std::vector<float> samples);

// How the chunks of a request come.
enum class SpeechDelivery {
  kWhole,  // only the whole counts: chunks are sampled side by side where the device gains from it
  kInOrder,  // somebody listens: one chunk after the other, so that the first sound comes early
};

struct SpeechRequest {
  std::string text;
  std::optional<VoiceReference> voice;
  SpeechParameters parameters;
  // The text by text_options_of(parameters), where it has been planned already.
  std::shared_ptr<const PlannedText> plan = {};
  SpeechDelivery delivery = SpeechDelivery::kWhole;
  // With kInOrder, and where the model can: a chunk whose window is not made within so many seconds
  // is made in blocks, see block_plan.h. Absent, or with block_sizes: only as block_sizes say.
  std::optional<double> first_sound_seconds;
  // While this much speech has been made and not been read, no further chunk is started.
  double unread_seconds = 60;
  // Asked before anything of a chunk is given out; empty: make_quality_judge().
  ChunkJudge judge = {};
  // When the speech is of no more use: no further take is made that would come too late.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
};

struct SpeechProgress {
  int64_t chunk = 0, chunks = 0;  // the chunk that has just taken a step, from 1
  int64_t step = 0, steps = 0;    // of that chunk, from 1
  double fraction = 0;            // of all steps of the request
  std::vector<int64_t> blocks;    // frames of the blocks in which that chunk is made
  uint64_t samples = 0;           // given out so far
};

// Called on the device's thread: return soon, and do not wait for the engine. An exception ends the
// request with that exception.
struct SpeechCallbacks {
  std::function<void(const SpeechProgress&)> progress;
};

struct SpokenChunk {
  int64_t text_chars = 0;  // code points
  uint64_t seed = 0;       // of the take that is heard
  double seconds = 0;      // before joining
  int64_t attempts = 1;    // takes that were made of it
  // Where its speech lies in the recording.
  double start_seconds = 0, end_seconds = 0;
  double pause_seconds = 0;     // silence that the text asked for after it
  int64_t window_frames = 0;    // that were sampled for it
  std::vector<int64_t> blocks;  // in which it was to be sampled; one: a window
  int64_t prefix_frames = 0;    // of the chunks before, that it heard
  int64_t new_frames = 0;       // of window_frames, that were kept
  // How it follows the chunk before: first, continued, fresh, fallback or reset.
  std::string joined = "first";
  std::string text;                         // that was spoken, without a speaker's tag
  std::vector<std::string> reasons;         // what is wrong with the take that is heard: "clipped"
  std::vector<std::string> retake_reasons;  // why the takes before were made again
  std::vector<std::string> warnings;        // about the take that is heard
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

// Throws kInvalidArgument when the text has more than `max_chars` code points.
void check_text_length(const std::string& text, int64_t max_chars);

enum class VoiceCacheUse { kNoVoice, kHit, kMiss };

// How a request went, once it has ended.
struct SpeechSummary {
  uint64_t sample_count = 0;  // given out, mono, kModelRate
  std::vector<SpokenChunk> chunks;
  int64_t strands = 0;  // runs of chunks of which each hears those before it; none: 0
  // Velocities of one sequence that the model computed, in all takes: 80 for 40 steps of which half
  // are guided by text and voice.
  int64_t evaluations = 0;
  StageTimings timings;
  VoiceCacheUse voice_cache = VoiceCacheUse::kNoVoice;
  std::vector<std::string> warnings;  // sentences for the caller

  double seconds() const { return static_cast<double>(sample_count) / kModelRate; }
};

// The same with all samples, for those who want the whole at once.
struct SpeechResult : SpeechSummary {
  std::vector<float> samples;  // mono, kModelRate, finite; sample_count of them
};

}  // namespace echo
