#include "audio/voice_print.h"

#include <algorithm>
#include <cmath>

namespace echo {
namespace {

constexpr double kHeardSeconds = 30, kMinSpeech = 1;
constexpr double kSemitones = 7, kUnlikeness = 3;
// Halves that are alike to the last bit, a tone's, are no measure.
constexpr double kMinVariation = 1;

}  // namespace

std::optional<VoicePrint> voice_print(std::span<const float> samples, int sample_rate) {
  samples =
      samples.first(std::min(samples.size(), static_cast<size_t>(kHeardSeconds * sample_rate)));
  const SpeechActivity activity = find_speech(samples, sample_rate);
  if (activity.seconds() < kMinSpeech) return {};
  const size_t begin = activity.begin * activity.hop;
  const size_t end = std::min(samples.size(), activity.end * activity.hop);
  const std::span<const float> speech = samples.subspan(begin, end - begin);
  const auto all = mean_timbre(speech, sample_rate);
  const auto first = mean_timbre(speech.first(speech.size() / 2), sample_rate);
  const auto second = mean_timbre(speech.subspan(speech.size() / 2), sample_rate);
  if (!all || !first || !second) return {};
  return VoicePrint{median_pitch(speech, sample_rate).value_or(0), *all,
                    std::max(kMinVariation, distance(*first, *second))};
}

bool is_other_voice(const VoicePrint& voice, std::span<const float> samples, int sample_rate) {
  if (voice.pitch <= 0) return false;
  // The timbre is quickly told, and most often right.
  const auto timbre = mean_timbre(samples, sample_rate);
  if (!timbre || distance(*timbre, voice.timbre) <= kUnlikeness * voice.variation) return false;
  const auto pitch = median_pitch(samples, sample_rate);
  return pitch && std::abs(12 * std::log2(*pitch / voice.pitch)) > kSemitones;
}

VoicePrintValues values_of(const VoicePrint& print) {
  VoicePrintValues values{static_cast<float>(print.pitch), static_cast<float>(print.variation)};
  std::transform(print.timbre.begin(), print.timbre.end(), values.begin() + 2,
                 [](double value) { return static_cast<float>(value); });
  return values;
}

VoicePrint print_of(std::span<const float> values) {
  VoicePrint print{values[0], {}, values[1]};
  for (size_t i = 0; i < print.timbre.size(); ++i) print.timbre[i] = values[i + 2];
  return print;
}

}  // namespace echo
