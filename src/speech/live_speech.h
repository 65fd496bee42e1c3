// Speech for somebody who listens: from a checked input to bytes that leave while it is made.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "speech/job_input.h"
#include "speech/job_report.h"
#include "speech/speech_function.h"
#include "speech/spoken_audio.h"
#include "speech/voice_library.h"

namespace echo {

// What is known when the first bytes are there. Seconds.
struct LiveOpening {
  double queue = 0;  // until somebody began with it
  double text = 0;   // checking and planning the text, finding the voice
  double voice = 0;  // of that, reading and decoding the recording
  double first = 0;  // from the request to the first bytes
};

struct LiveListener {
  ByteSink sink;
  std::function<void(const LiveOpening&)> opening = {};  // before the first bytes
  std::function<bool()> cancelled = {};                  // asked at every step, beside `stop`
  std::stop_token stop = {};
  double queue_seconds = 0;  // that the request has waited
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  LogScope scope = {};
  // When the first bytes really left, since the request came; empty: when the sink took them.
  std::function<std::optional<double>()> first_sent = {};
};

struct LiveSummary {
  SpokenAudioSummary audio;
  std::vector<std::string> warnings;  // for the client
  JobReport report;
};

// Threads: any; speech is made on the threads of the callers.
class LiveSpeech {
 public:
  struct Parts {
    SpeechFunction speak;
    VoiceLibrary& voices;
    Logger& logger;
    Clock& clock = real_clock();
    std::function<void(const JobReport&)> finished = {};  // after every request
    SpeechParameters defaults = {};                       // of what a request does not ask for
  };
  // What the parts refer to must outlive it.
  explicit LiveSpeech(Parts parts) : parts_(std::move(parts)) {}

  // Speaks and waits for the end. With `whole` nobody listens: chunks are made side by side, and
  // the sink gets one complete file. `route` is how it came, for the report. Throws Error;
  // failure_of() makes it presentable. The report is told and logged in any case.
  LiveSummary speak(const JobInput& input, const SpokenAudioOptions& audio,
                    const std::string& route, const LiveListener& listener);

  const VoiceLibrary& voices() const { return parts_.voices; }
  const SpeechParameters& defaults() const { return parts_.defaults; }

 private:
  LiveSummary run(const JobInput& input, const SpokenAudioOptions& audio,
                  const LiveListener& listener, JobReport& report);
  void finish(const JobReport& report, const LogScope& scope);

  const Parts parts_;
};

}  // namespace echo
