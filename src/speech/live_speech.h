// Speech for somebody who listens: from a checked input to bytes that leave while it is made.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "speech/report_log.h"
#include "speech/speech_maker.h"

namespace echo {

struct LiveListener : SpeechHooks {
  LogScope scope = {};
  // When the first bytes really left, since the request came; empty: when the sink took them.
  std::function<std::optional<double>()> first_sent = {};
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
    // SpeechRequest::first_sound_seconds of requests that are listened to.
    std::optional<double> first_sound_seconds = {};
  };
  // What the parts refer to must outlive it.
  explicit LiveSpeech(const Parts& parts)
      : maker_(parts.speak, parts.voices, parts.clock),
        reports_(parts.logger, parts.finished),
        clock_(parts.clock),
        defaults_(parts.defaults),
        first_sound_seconds_(parts.first_sound_seconds) {}

  // As SpeechMaker::make(), with the service's own time for the first sound. `route` is how the request came. The report is told and logged in any
  // case, and stands in `report` unless that is null.
  SpeechSummary speak(const JobInput& input, const SpokenAudioOptions& audio,
                      const std::string& route, const LiveListener& listener,
                      JobReport* report = nullptr);

  const VoiceLibrary& voices() const { return maker_.voices(); }
  const SpeechParameters& defaults() const { return defaults_; }

 private:
  const SpeechMaker maker_;
  const ReportLog reports_;
  Clock& clock_;
  const SpeechParameters defaults_;
  const std::optional<double> first_sound_seconds_;
};

}  // namespace echo
