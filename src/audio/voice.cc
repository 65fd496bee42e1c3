#include "audio/voice.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "audio/resample.h"
#include "audio/silence.h"
#include "audio/voice_survey.h"
#include "base/error.h"

namespace echo {
namespace {

constexpr size_t kShortestVoice = 4 * 2048;  // one patch of four frames, which the encoder takes

Voice usable(Voice voice, const std::string& name) {
  if (voice.samples.size() >= kShortestVoice) return voice;
  char lengths[80];
  std::snprintf(lengths, sizeof lengths, ": is %.2f s long, expected at least %.2f s of a voice",
                static_cast<double>(voice.samples.size()) / kModelRate,
                static_cast<double>(kShortestVoice) / kModelRate);
  throw_invalid(name + lengths);
}

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
  VoiceSurvey survey(audio.sample_rate);
  survey.push(audio.samples);
  survey.add_warnings(voice.warnings);
  voice.samples = audio.sample_rate == kModelRate
                      ? std::move(audio.samples)
                      : resample(audio.samples, audio.sample_rate, kModelRate);
  const float peak = find_peak(voice.samples);
  if (peak > 1) {
    for (float& x : voice.samples) x /= peak;
  }
  return voice;
}

Voice load_voice(const std::string& path, const DecodeOptions& options) {
  return usable(prepare_voice(decode_audio_file(path, options)), path);
}

Voice load_voice_bytes(std::string_view bytes, const std::string& name,
                       const DecodeOptions& options) {
  return usable(prepare_voice(decode_audio_bytes(bytes, name, options)), name);
}

}  // namespace echo
