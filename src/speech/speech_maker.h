// From a checked input to encoded bytes: the one place where a request is spoken.
#pragma once

#include <cstdint>
#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <vector>

#include "base/clock.h"
#include "speech/job_input.h"
#include "speech/job_report.h"
#include "speech/speech_function.h"
#include "speech/spoken_audio.h"
#include "speech/voice_library.h"

namespace echo {

// What is known when the first bytes are there. Seconds.
struct SpeechOpening {
  double queue = 0;  // until somebody began with it
  double text = 0;   // checking and planning the text, finding the voice
  double voice = 0;  // of that, reading and decoding the recording
  double first = 0;  // from the request to the first bytes
  std::vector<int64_t> blocks;  // frames of the blocks of the first chunk
};

// What a request may tell and ask while it is spoken. Functions may be empty.
struct SpeechHooks {
  ByteSink sink = {};  // not asked when the audio goes into a file
  std::function<void(const SpeechOpening&)> opening = {};    // before the first bytes
  std::function<void(const SpeechProgress&)> progress = {};  // on the device's thread
  std::function<void()> step = {};                           // at every step, on the device's thread
  std::stop_token stop = {};
  double queue_seconds = 0;  // that the request has waited
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  // Of a stream: SpeechRequest::first_sound_seconds.
  std::optional<double> first_sound_seconds = {};
};

// Threads: any; a request is spoken on its caller's.
class SpeechMaker {
 public:
  // What they refer to must outlive the maker.
  SpeechMaker(SpeechFunction speak, VoiceLibrary& voices, Clock& clock)
      : speak_(std::move(speak)), voices_(voices), clock_(clock) {}

  // Sets what a report tells of the input alone.
  static void begin_report(const JobInput& input, JobReport& report);

  // Speaks and waits for the end. In mode kStream chunks come in their order, else side by side.
  // Returns how it went, its warnings being everything that the client should know, and fills in
  // `report`, but for total_seconds. Throws Error; failure_of() makes it presentable.
  SpeechSummary make(const JobInput& input, const SpokenAudioOptions& audio,
                     const SpeechHooks& hooks, JobReport& report) const;

  const VoiceLibrary& voices() const { return voices_; }

 private:
  const SpeechFunction speak_;
  VoiceLibrary& voices_;
  Clock& clock_;
};

}  // namespace echo
