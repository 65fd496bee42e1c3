#include "audio/seams.h"

#include <algorithm>
#include <cmath>

#include "audio/speech_level.h"
#include "audio/voice_features.h"

namespace echo {
namespace {

using Samples = std::span<const float>;

// The part of a recording between two times, as far as it is there.
Samples part(Samples samples, int rate, double begin, double end) {
  const auto size = static_cast<double>(samples.size());
  const double first = std::clamp(begin * rate, 0.0, size),
               last = std::clamp(end * rate, first, size);
  return samples.subspan(static_cast<size_t>(first),
                         static_cast<size_t>(last) - static_cast<size_t>(first));
}

double semitones_between(double before, double after) {
  double semitones = std::abs(12 * std::log2(after / before));
  // Trackers take twice or half the pitch for the pitch.
  semitones = std::fmod(semitones, 12.0);
  return std::min(semitones, 12 - semitones);
}

std::vector<float> bends(Samples samples) {
  std::vector<float> result;
  for (size_t i = 2; i < samples.size(); ++i) {
    result.push_back(std::abs(samples[i] - 2 * samples[i - 1] + samples[i - 2]));
  }
  return result;
}

double click_of(Samples samples, int rate, const SeamPlace& place) {
  const std::vector<float> inside = bends(part(samples, rate, place.end, place.begin));
  std::vector<float> around = bends(part(samples, rate, place.end - 0.5, place.end));
  const std::vector<float> after = bends(part(samples, rate, place.begin, place.begin + 0.5));
  around.insert(around.end(), after.begin(), after.end());
  if (inside.empty() || around.empty()) return 0;
  const auto at = around.begin() + static_cast<ptrdiff_t>(around.size() * 999 / 1000);
  std::nth_element(around.begin(), at, around.end());
  return *at > 0 ? *std::max_element(inside.begin(), inside.end()) / *at : 0;
}

Seam measure(Samples samples, int rate, const SeamPlace& place) {
  constexpr double kSide = 1, kFloor = 0.1;
  Seam seam;
  seam.place = place;
  seam.pause_seconds = std::max(0.0, place.begin - place.end);
  const Samples before = part(samples, rate, place.end - kSide, place.end);
  const Samples after = part(samples, rate, place.begin, place.begin + kSide);
  const auto pitch_before = median_pitch(before, rate), pitch_after = median_pitch(after, rate);
  if (pitch_before && pitch_after) {
    seam.pitch_semitones = semitones_between(*pitch_before, *pitch_after);
  }
  const SpeechActivity loud_before = find_speech(before, rate),
                       loud_after = find_speech(after, rate);
  if (loud_before.any() && loud_after.any()) {
    seam.level_db = std::abs(loud_before.speech_level() - loud_after.speech_level());
  }
  if (seam.pause_seconds >= 2 * kFloor) {
    seam.floor_db = std::abs(level_of(part(samples, rate, place.end, place.end + kFloor)) -
                             level_of(part(samples, rate, place.begin - kFloor, place.begin)));
  }
  seam.click = click_of(samples, rate, place);
  const auto timbre_before = mean_timbre(before, rate), timbre_after = mean_timbre(after, rate);
  if (timbre_before && timbre_after) seam.timbre = distance(*timbre_before, *timbre_after);
  return seam;
}

}  // namespace

std::vector<Seam> measure_seams(std::span<const float> samples, int sample_rate,
                                std::span<const SeamPlace> places) {
  std::vector<Seam> seams;
  for (const SeamPlace& place : places) seams.push_back(measure(samples, sample_rate, place));
  return seams;
}

std::vector<SeamPlace> find_pauses(std::span<const float> samples, int sample_rate,
                                   double shortest) {
  const SpeechActivity activity = find_speech(samples, sample_rate);
  std::vector<SeamPlace> pauses;
  size_t last = activity.begin;  // hop of speech
  for (size_t hop = activity.begin; hop < activity.end; ++hop) {
    if (!activity.speech[hop]) continue;
    const double end = static_cast<double>(last + 1) / kHopsPerSecond;
    const double begin = static_cast<double>(hop) / kHopsPerSecond;
    if (hop > last + 1 && begin - end >= shortest) pauses.push_back({end, begin});
    last = hop;
  }
  return pauses;
}

std::optional<double> measure_drift(std::span<const float> samples, int sample_rate,
                                    double seconds) {
  const double all = static_cast<double>(samples.size()) / sample_rate;
  if (all < 2 * seconds) return {};
  const auto first = mean_bark_spectrum(part(samples, sample_rate, 0, seconds), sample_rate);
  const auto last = mean_bark_spectrum(part(samples, sample_rate, all - seconds, all), sample_rate);
  if (!first || !last) return {};
  double sum = 0;
  for (size_t i = 0; i < first->size(); ++i) sum += std::abs((*first)[i] - (*last)[i]);
  return sum / static_cast<double>(first->size());
}

}  // namespace echo
