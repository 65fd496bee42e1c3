#include "audio/continuation.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

namespace echo {
namespace {

constexpr double kEndSeconds = 3, kBeginSeconds = 1, kMinVoiced = 0.5;
constexpr float kLevelJump = 6, kLevelDrift = 4;
constexpr double kPitchJump = 4, kPitchDrift = 2, kSpectrumDrift = 3;
constexpr double kSameWords = 0.9;  // correlation
constexpr double kScore = 5;

std::span<const float> speech_of(std::span<const float> samples, const SpeechActivity& activity) {
  const size_t begin = std::min(samples.size(), activity.begin * activity.hop);
  const size_t end = std::min(samples.size(), activity.end * activity.hop);
  return samples.subspan(begin, end - begin);
}

size_t samples_in(double seconds, int rate, std::span<const float> samples) {
  return std::min(samples.size(), static_cast<size_t>(seconds * rate));
}

// Trackers take twice or half the pitch for the pitch.
double folded_semitones(double a, double b) {
  const double semitones = std::fmod(std::abs(12 * std::log2(b / a)), 12.0);
  return std::min(semitones, 12 - semitones);
}

// The largest correlation of `begin` with as many frames of `end`. What all frames have in common,
// the voice and the room, is left out of it.
double best_correlation(std::span<const MelFrame> end, std::span<const MelFrame> begin) {
  if (begin.empty() || end.size() < begin.size()) return 0;
  MelFrame mean{};
  for (const auto frames : {end, begin}) {
    for (const MelFrame& frame : frames) {
      for (size_t i = 0; i < mean.size(); ++i) {
        mean[i] += frame[i] / static_cast<float>(end.size() + begin.size());
      }
    }
  }
  double best = 0;
  for (size_t shift = 0; shift + begin.size() <= end.size(); ++shift) {
    double both = 0, first = 0, second = 0;
    for (size_t row = 0; row < begin.size(); ++row) {
      for (size_t i = 0; i < mean.size(); ++i) {
        const double a = end[shift + row][i] - mean[i], b = begin[row][i] - mean[i];
        both += a * b;
        first += a * a;
        second += b * b;
      }
    }
    if (first > 0 && second > 0) best = std::max(best, both / std::sqrt(first * second));
  }
  return best;
}

std::string with_number(const char* format, double value) {
  char text[96];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

}  // namespace

SpeechSound sound_of(std::span<const float> samples, int sample_rate) {
  SpeechSound sound;
  const SpeechActivity activity = find_speech(samples, sample_rate);
  if (!activity.any()) return sound;
  const std::span<const float> speech = speech_of(samples, activity);
  const auto end = speech.last(samples_in(kEndSeconds, sample_rate, speech));
  sound.level = activity.speech_level();
  sound.pitch = median_pitch(end, sample_rate, kMinVoiced);
  sound.spectrum = mean_bark_spectrum(speech, sample_rate);
  sound.end = mel_frames(end, sample_rate);
  return sound;
}

std::vector<TakeFault> find_continuation_faults(const SpeechSound& before,
                                                std::span<const float> samples, int sample_rate) {
  std::vector<TakeFault> faults;
  const SpeechActivity activity = find_speech(samples, sample_rate);
  if (!activity.any() || before.level <= kSilentLevel) return faults;
  const std::span<const float> speech = speech_of(samples, activity);
  const float jump = activity.speech_level() - before.level;
  if (std::abs(jump) > kLevelJump) {
    faults.push_back({"level_jump", kScore,
                      with_number("the speech is %+.0f dB as loud as what it goes on from", jump)});
  }
  const auto pitch = median_pitch(speech.first(samples_in(kEndSeconds, sample_rate, speech)),
                                  sample_rate, kMinVoiced);
  if (pitch && before.pitch && folded_semitones(*before.pitch, *pitch) > kPitchJump) {
    faults.push_back({"pitch_jump", kScore,
                      with_number("the voice is %.1f semitones away from what it goes on from",
                                  folded_semitones(*before.pitch, *pitch))});
  }
  const auto begin =
      mel_frames(speech.first(samples_in(kBeginSeconds, sample_rate, speech)), sample_rate);
  if (best_correlation(before.end, begin) > kSameWords) {
    faults.push_back({"repeated", kScore, "it begins with the words that came before it"});
  }
  return faults;
}

bool has_drifted(const SpeechSound& from, const SpeechSound& to) {
  if (from.level <= kSilentLevel || to.level <= kSilentLevel) return false;
  if (std::abs(from.level - to.level) > kLevelDrift) return true;
  if (from.pitch && to.pitch && folded_semitones(*from.pitch, *to.pitch) > kPitchDrift) return true;
  if (!from.spectrum || !to.spectrum) return false;
  double sum = 0;
  for (size_t i = 0; i < from.spectrum->size(); ++i) {
    sum += std::abs((*from.spectrum)[i] - (*to.spectrum)[i]);
  }
  return sum / static_cast<double>(from.spectrum->size()) > kSpectrumDrift;
}

bool DriftWatch::add(SpeechSound sound) {
  last_ = std::move(sound);
  if (!first_) first_ = last_;
  drifting_ = has_drifted(*first_, *last_) ? drifting_ + 1 : 0;
  return drifting_ >= 2;
}

}  // namespace echo
