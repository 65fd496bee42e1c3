#include "speech/job_report.h"

#include <algorithm>
#include <cmath>

namespace echo {
namespace {

// A line that is cut in its middle is no JSON any more.
constexpr size_t kMaxWarnings = 5;

}  // namespace

double rounded_seconds(double seconds) { return std::round(seconds * 1e4) / 1e4; }

nlohmann::json timings_of(const JobReport& report) {
  return {{"queue", rounded_seconds(report.timings.queue)},
          {"voice", rounded_seconds(report.timings.voice)},
          {"text", rounded_seconds(report.timings.text)},
          {"diffusion", rounded_seconds(report.timings.diffusion)},
          {"decode", rounded_seconds(report.timings.decode)},
          {"encode", rounded_seconds(report.encode_seconds)},
          {"upload", rounded_seconds(report.upload_seconds)},
          {"total", rounded_seconds(report.total_seconds)}};
}

nlohmann::json voice_cache_of(const JobReport& report) {
  if (report.voice_cache == VoiceCacheUse::kNoVoice) return nullptr;
  return report.voice_cache == VoiceCacheUse::kHit ? "hit" : "miss";
}

void fill_report(const SpokenAudioSummary& spoken, JobReport& report) {
  const SpeechSummary& speech = spoken.speech;
  report.timings = speech.timings;
  report.encode_seconds = spoken.encode_seconds;
  report.audio_seconds = speech.seconds();
  report.underrun_seconds = spoken.underrun_seconds;
  report.bytes = spoken.bytes;
  report.voice_cache = speech.voice_cache;
  report.chunks = speech.chunks.size();
  for (const SpokenChunk& chunk : speech.chunks) {
    report.kept_chunks += chunk.reasons.empty() ? 0 : 1;
    report.rerolls.insert(report.rerolls.end(), chunk.retake_reasons.begin(),
                          chunk.retake_reasons.end());
  }
}

std::string report_line(const JobReport& report) {
  const auto end = report.warnings.begin() +
                   static_cast<std::ptrdiff_t>(std::min(report.warnings.size(), kMaxWarnings));
  const std::vector<std::string> warnings(report.warnings.begin(), end);
  nlohmann::ordered_json line = {{"event", "job"},
                                 {"id", report.job_id},
                                 {"session_id", report.session_id},
                                 {"status", report.kind.empty() ? "completed" : report.kind},
                                 {"text_chars", report.text_chars},
                                 {"chunks", report.chunks},
                                 {"rerolls", report.rerolls.size()},
                                 {"seed", report.seed},
                                 {"format", format_name(report.format)},
                                 {"bytes", report.bytes},
                                 {"audio_seconds", rounded_seconds(report.audio_seconds)},
                                 {"voice_cache", voice_cache_of(report)},
                                 {"timings", timings_of(report)},
                                 {"input_warnings", report.input_warnings},
                                 {"warnings", warnings}};
  if (report.first_audio_seconds) {
    line["timings"]["first_audio"] = rounded_seconds(*report.first_audio_seconds);
  }
  if (report.underrun_seconds) {
    line["route"] = report.route;
    line["underrun_seconds"] = rounded_seconds(*report.underrun_seconds);
    if (report.audio_seconds > 0) {
      const StageTimings& t = report.timings;
      line["real_time_factor"] =
          rounded_seconds((t.voice + t.text + t.diffusion + t.decode + report.encode_seconds) /
                          report.audio_seconds);
    }
  }
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace echo
