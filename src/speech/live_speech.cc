#include "speech/live_speech.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "speech/job_failure.h"

namespace echo {
namespace {

using Time = std::chrono::steady_clock::time_point;

double seconds_between(Time begin, Time end) {
  return std::chrono::duration<double>(end - begin).count();
}

void add_once(std::vector<std::string>& list, const std::vector<std::string>& more) {
  for (const std::string& item : more) {
    if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(item);
  }
}

}  // namespace

LiveSummary LiveSpeech::speak(const JobInput& input, const SpokenAudioOptions& audio,
                              const std::string& route, const LiveListener& listener) {
  const Time begin = parts_.clock.now();
  JobReport report;
  report.route = route;
  report.job_id = listener.scope.job_id;
  report.session_id = input.session_id;
  report.format = input.output.format;
  report.text_chars = count_code_points(input.text);
  report.seed = input.parameters.seed;
  report.timings.queue = listener.queue_seconds;
  const auto total = [&] {
    return listener.queue_seconds + seconds_between(begin, parts_.clock.now());
  };
  try {
    LiveSummary summary = run(input, audio, listener, report);
    report.total_seconds = total();
    finish(report, listener.scope);
    summary.report = report;
    return summary;
  } catch (...) {
    report.kind = failure_of(std::current_exception(), {}).kind;
    report.total_seconds = total();
    finish(report, listener.scope);
    throw;
  }
}

LiveSummary LiveSpeech::run(const JobInput& input, const SpokenAudioOptions& audio,
                            const LiveListener& listener, JobReport& report) {
  const Time begin = parts_.clock.now();
  std::stop_source stop;
  const std::stop_callback forward(listener.stop, [&stop] { stop.request_stop(); });
  const auto voice_report = std::make_shared<VoiceReport>();
  SpeechRequest request{input.text, std::nullopt, input.parameters, input.plan};
  request.deadline = listener.deadline;
  if (audio.mode == AudioEncoder::Mode::kStream) request.delivery = SpeechDelivery::kInOrder;
  if (input.voice) {
    request.voice = parts_.voices.find(*input.voice, voice_report, stop.get_token());
  }
  SpeechCallbacks callbacks;
  callbacks.progress = [&](const SpeechProgress&) {
    if (listener.cancelled && listener.cancelled()) stop.request_stop();
  };
  SpeechStream stream = parts_.speak(std::move(request), std::move(callbacks));
  const Time started = parts_.clock.now();

  bool opened = false;
  const ByteSink sink = [&](std::string_view bytes) {
    if (!std::exchange(opened, true)) {
      LiveOpening opening;
      opening.queue = listener.queue_seconds;
      opening.text = seconds_between(begin, started);
      opening.voice = voice_report->seconds;
      opening.first = listener.queue_seconds + seconds_between(begin, parts_.clock.now());
      report.first_audio_seconds = opening.first;
      if (listener.opening) listener.opening(opening);
    }
    return listener.sink(bytes);
  };
  LiveSummary summary;
  summary.audio = encode_speech(stream, audio, sink, stop.get_token());
  const SpeechSummary& speech = summary.audio.speech;

  if (listener.first_sent) {
    if (const auto sent = listener.first_sent()) report.first_audio_seconds = *sent;
  }
  const double waited = report.timings.queue;
  report.timings = speech.timings;
  report.timings.queue += waited;
  report.timings.voice += voice_report->seconds;
  report.audio_seconds = speech.seconds();
  count_chunks(speech, report);
  report.voice_cache = speech.voice_cache;
  report.encode_seconds = summary.audio.encode_seconds;
  report.bytes = summary.audio.bytes;
  report.underrun_seconds = summary.audio.underrun_seconds;
  report.warnings = speech.warnings;
  summary.warnings = input.warnings;
  add_once(summary.warnings, voice_report->warnings);
  report.input_warnings = summary.warnings.size();
  add_once(summary.warnings, speech.warnings);
  return summary;
}

void LiveSpeech::finish(const JobReport& report, const LogScope& scope) {
  try {
    parts_.logger.info(report_line(report), scope);
    if (parts_.finished) parts_.finished(report);
  } catch (const std::exception&) {
    // Whoever listens has what was made.
  }
}

}  // namespace echo
