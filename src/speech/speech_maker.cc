#include "speech/speech_maker.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"

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

void throw_if_stopped(const SpeechHooks& hooks) {
  if (hooks.step) hooks.step();
  if (hooks.stop.stop_requested()) {
    throw Error(ErrorCode::kCancelled, "the job was cancelled");
  }
}

}  // namespace

void SpeechMaker::begin_report(const JobInput& input, JobReport& report) {
  report.format = input.output.format;
  report.session_id = input.session_id;
  report.text_chars = count_code_points(input.text);
  report.seed = input.parameters.seed;
  report.input_warnings = input.warnings.size();
}

SpeechSummary SpeechMaker::make(const JobInput& input, const SpokenAudioOptions& audio,
                                const SpeechHooks& hooks, JobReport& report) const {
  const Time begin = clock_.now();
  begin_report(input, report);
  report.timings.queue = hooks.queue_seconds;
  std::stop_source stop;
  const std::stop_callback forward(hooks.stop, [&stop] { stop.request_stop(); });
  const auto voice_report = std::make_shared<VoiceReport>();
  SpeechRequest request;
  request.text = input.text;
  request.parameters = input.parameters;
  request.plan = input.plan;
  request.deadline = hooks.deadline;
  if (audio.mode == AudioEncoder::Mode::kStream) {
    request.delivery = SpeechDelivery::kInOrder;
    request.first_sound_seconds = hooks.first_sound_seconds;
  }
  if (input.voice) request.voice = voices_.find(*input.voice, voice_report, stop.get_token());
  throw_if_stopped(hooks);
  SpeechCallbacks callbacks;
  callbacks.progress = [&](const SpeechProgress& progress) {
    if (hooks.step) hooks.step();
    if (hooks.progress && !stop.stop_requested()) hooks.progress(progress);
  };
  SpeechStream stream = speak_(std::move(request), std::move(callbacks));
  const Time started = clock_.now();

  bool opened = false;
  const auto open = [&](double first) {
    opened = true;
    SpeechOpening opening;
    opening.queue = hooks.queue_seconds;
    opening.text = seconds_between(begin, started);
    opening.voice = voice_report->seconds;
    opening.first = first;
    opening.blocks = stream.progress().blocks;
    report.first_audio_seconds = first;
    if (hooks.opening) hooks.opening(opening);
  };
  const ByteSink sink = [&](std::string_view bytes) {
    if (!opened) open(hooks.queue_seconds + seconds_between(begin, clock_.now()));
    return hooks.sink(bytes);
  };
  SpokenAudioSummary spoken = encode_speech(stream, audio, sink, stop.get_token());
  if (audio.mode == AudioEncoder::Mode::kWhole) {
    throw_if_stopped(hooks);
    // Nobody heard it then, but so long it took until there was something.
    const double first =
        hooks.queue_seconds + seconds_between(begin, started) + *spoken.first_audio_seconds;
    if (opened) {
      report.first_audio_seconds = first;
    } else {
      open(first);
    }
  }
  fill_report(spoken, report);
  report.timings.queue += hooks.queue_seconds;
  report.timings.voice += voice_report->seconds;
  std::vector<std::string> warnings = input.warnings;
  add_once(warnings, voice_report->warnings);
  report.input_warnings = warnings.size();
  add_once(warnings, spoken.speech.warnings);
  spoken.speech.warnings = std::move(warnings);
  return std::move(spoken.speech);
}

}  // namespace echo
