#include "audio/voice.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <utility>

#include "audio/resample.h"
#include "audio/silence.h"
#include "base/error.h"

namespace echo {
namespace {

constexpr size_t kShortestVoice = 4 * 2048;  // one patch of four frames, which the encoder takes
constexpr float kSilentPeak = 1e-3F;                 // -60 dB: nothing to learn a voice from
constexpr double kShortVoice = 1, kLongVoice = 120;  // seconds
constexpr double kOffset = 0.02;  // of full scale, that a mean may be away from 0
// A recording is clipped when so many of its samples lie flat at its peak, near full scale.
constexpr float kFullScale = 0.98F, kFlat = 0.999F;
constexpr double kClippedShare = 0.001;

template <class... Values>
std::string text(const char* format, Values... values) {
  char line[160];
  std::snprintf(line, sizeof line, format, values...);
  return line;
}

double mean_of(std::span<const float> samples) {
  return std::accumulate(samples.begin(), samples.end(), 0.0) /
         static_cast<double>(std::max<size_t>(1, samples.size()));
}

// The share of samples that lie at the peak together with the one before.
double flat_share(std::span<const float> samples, float peak) {
  const float top = kFlat * peak;
  size_t flat = 0;
  for (size_t i = 1; i < samples.size(); ++i) {
    flat += (samples[i] >= top && samples[i - 1] >= top) ||
            (samples[i] <= -top && samples[i - 1] <= -top);
  }
  return static_cast<double>(flat) / static_cast<double>(std::max<size_t>(1, samples.size()));
}

// What a listener would say of the recording, and the model learns with it.
void add_warnings(const DecodedAudio& audio, std::vector<std::string>& warnings) {
  const float peak = find_peak(audio.samples);
  const double seconds = static_cast<double>(audio.samples.size()) / audio.sample_rate;
  if (peak < kSilentPeak) {
    warnings.emplace_back("it is silent: the voice will be one of the model's own");
  }
  if (seconds < kShortVoice) {
    warnings.push_back(text("it is only %.2f s long, ten seconds or more work best", seconds));
  }
  if (seconds > kLongVoice) {
    warnings.push_back(text(
        "it is %.0f s long, as a piece of music is; ten to sixty seconds of one speaker work best",
        seconds));
  }
  if (peak >= kFullScale) {
    const double share = flat_share(audio.samples, peak);
    if (share >= kClippedShare) {
      warnings.push_back(
          text("it is clipped: %.1f %% of it lies flat at its peak, which the voice "
               "will sound like",
               100 * share));
    }
  }
  const double mean = mean_of(audio.samples);
  if (std::abs(mean) >= kOffset) {
    warnings.push_back(
        text("it lies %.1f %% of full scale off the middle (a direct-current offset)", 100 * mean));
  }
}

Voice usable(Voice voice, const std::string& name) {
  if (voice.samples.size() >= kShortestVoice) return voice;
  throw_invalid(name + text(": is %.2f s long, expected at least %.2f s of a voice",
                            static_cast<double>(voice.samples.size()) / kModelRate,
                            static_cast<double>(kShortestVoice) / kModelRate));
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
  add_warnings(audio, voice.warnings);
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
