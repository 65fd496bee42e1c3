#include "audio/voice.h"

#include <cstdio>
#include <utility>

#include "audio/resample.h"
#include "audio/silence.h"
#include "base/error.h"

namespace echo {
namespace {

constexpr float kSilentPeak = 1e-3F;  // -60 dB: nothing to learn a voice from
constexpr double kShortestVoice = 1;  // seconds

}  // namespace

std::vector<float> mix_to_mono(std::span<const float> planar, size_t channels) {
  if (channels == 0 || planar.size() % channels != 0) {
    throw_invalid("audio: " + std::to_string(planar.size()) + " samples are not " +
                  std::to_string(channels) + " channels of one length");
  }
  const size_t length = planar.size() / channels;
  std::vector<float> mono(planar.begin(), planar.begin() + static_cast<ptrdiff_t>(length));
  for (size_t c = 1; c < channels; ++c) {
    for (size_t i = 0; i < length; ++i) mono[i] += planar[c * length + i];
  }
  for (float& x : mono) x /= static_cast<float>(channels);
  return mono;
}

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

Voice load_voice(const std::string& path, const DecodeOptions& options) {
  return prepare_voice(decode_audio_file(path, options));
}

Voice load_voice_bytes(std::string_view bytes, const std::string& name,
                       const DecodeOptions& options) {
  return prepare_voice(decode_audio_bytes(bytes, name, options));
}

}  // namespace echo
