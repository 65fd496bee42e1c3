#include "speech/live_speech.h"

#include <chrono>

#include "speech/job_failure.h"

namespace echo {

SpeechSummary LiveSpeech::speak(const JobInput& input, const SpokenAudioOptions& audio,
                                const std::string& route, const LiveListener& listener,
                                JobReport* told) {
  const auto begin = clock_.now();
  JobReport report;
  report.route = route;
  report.job_id = listener.scope.job_id;
  const auto finish = [&] {
    report.total_seconds = listener.queue_seconds +
                           std::chrono::duration<double>(clock_.now() - begin).count();
    reports_.tell(report, listener.scope);
    if (told != nullptr) *told = report;
  };
  try {
    SpeechHooks hooks = listener;
    hooks.first_sound_seconds = first_sound_seconds_;
    SpeechSummary speech = maker_.make(input, audio, hooks, report);
    if (listener.first_sent) {
      if (const auto sent = listener.first_sent()) report.first_audio_seconds = *sent;
    }
    report.warnings = speech.warnings;
    report.warnings.erase(report.warnings.begin(),
                          report.warnings.begin() + static_cast<ptrdiff_t>(report.input_warnings));
    finish();
    return speech;
  } catch (...) {
    report.kind = failure_of(std::current_exception(), {}).kind;
    finish();
    throw;
  }
}

}  // namespace echo
