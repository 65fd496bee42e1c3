#include "audio/voice.h"

#include <cstdio>
#include <utility>

#include "audio/resample.h"
#include "audio/silence.h"

namespace echo {
namespace {

constexpr float kSilentPeak = 1e-3F;  // -60 dB: nothing to learn a voice from
constexpr double kShortestVoice = 1;  // seconds

Voice prepare_voice(DecodedAudio audio) {
  Voice voice;
  voice.warnings = std::move(audio.warnings);
  voice.samples = audio.sample_rate == kModelRate
                      ? std::move(audio.samples)
                      : resample(audio.samples, audio.sample_rate, kModelRate);
  const float peak = find_peak(voice.samples);
  if (peak > 1) {
    for (float& x : voice.samples) x /= peak;
  }
  if (peak < kSilentPeak) {
    voice.warnings.emplace_back("it is silent: the voice will be one of the model's own");
  }
  const double seconds = static_cast<double>(voice.samples.size()) / kModelRate;
  if (seconds < kShortestVoice) {
    char text[80];
    std::snprintf(text, sizeof text, "it is only %.2f s long, ten seconds or more work best",
                  seconds);
    voice.warnings.emplace_back(text);
  }
  return voice;
}

}  // namespace

Voice load_voice(const std::string& path, const DecodeOptions& options) {
  return prepare_voice(decode_audio_file(path, options));
}

Voice load_voice_bytes(std::string_view bytes, const std::string& name,
                       const DecodeOptions& options) {
  return prepare_voice(decode_audio_bytes(bytes, name, options));
}

}  // namespace echo
