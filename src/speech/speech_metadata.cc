#include "speech/speech_metadata.h"

#include <cmath>

#include "base/error.h"
#include "speech/public_text.h"

namespace echo {
namespace {

std::string_view codec_name(AudioFormat format) {
  switch (format) {
    case AudioFormat::kOggOpus:
      return "opus";
    case AudioFormat::kFlac:
      return "flac";
    case AudioFormat::kMp3:
      return "mp3";
    case AudioFormat::kAac:
      return "aac";
    case AudioFormat::kWav:
    case AudioFormat::kPcm:
      break;
  }
  return "pcm_s16le";
}

}  // namespace

Json speech_metadata(const JobInput& input, const SpeechSummary& speech, const JobReport& report,
                     const SpeechSource& source, std::span<const std::string> secrets) {
  const auto presentable = [&](const std::vector<std::string>& warnings) {
    Json list = Json::array();
    for (const std::string& warning : warnings) list.push_back(public_text(warning, secrets));
    return list;
  };
  Json chunks = Json::array();
  for (const SpokenChunk& chunk : speech.chunks) {
    chunks.push_back({{"index", chunks.size()},
                      {"text", chunk.text},
                      {"text_chars", chunk.text_chars},
                      {"seed", chunk.seed},
                      {"attempts", chunk.attempts},
                      {"duration", rounded_seconds(chunk.seconds)},
                      {"start_seconds", rounded_seconds(chunk.start_seconds)},
                      {"end_seconds", rounded_seconds(chunk.end_seconds)},
                      {"pause_seconds", rounded_seconds(chunk.pause_seconds)},
                      {"frames", chunk.window_frames},
                      {"block_sizes", chunk.blocks},
                      {"prefix_frames", chunk.prefix_frames},
                      {"new_frames", chunk.new_frames},
                      {"joined", chunk.joined},
                      {"faults", chunk.reasons},
                      {"retakes", chunk.retake_reasons},
                      {"warnings", presentable(chunk.warnings)}});
  }
  // Formats without a bit rate to choose have one all the same.
  const long bitrate =
      input.output.bitrate > 0
          ? input.output.bitrate
          : std::lround(8.0 * static_cast<double>(report.bytes) / speech.seconds());
  return {{"sample_rate", input.output.sample_rate},
          {"codec", codec_name(input.output.format)},
          {"bitrate", bitrate},
          {"duration", rounded_seconds(speech.seconds())},
          {"seed", input.parameters.seed},
          {"profile", profile_name(input.parameters.profile)},
          {"continuity", continuity_name(input.parameters.continuity)},
          {"strands", speech.strands},
          {"solver", parameter_text(input.parameters, "solver")},
          {"steps", Json::parse(parameter_text(input.parameters, "num_steps"))},
          {"cfg_interval", input.parameters.cfg_interval},
          {"evaluations", speech.evaluations},
          {"rerolls", report.rerolls.size()},
          {"device", source.device},
          {"model", source.model},
          {"chunks", std::move(chunks)},
          {"voice_cache", voice_cache_of(report)},
          {"warnings", presentable(speech.warnings)},
          {"timings", timings_of(report)}};
}

}  // namespace echo
