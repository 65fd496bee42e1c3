#include "audio/voice_features.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "audio/spectrum.h"

namespace echo {
namespace {

constexpr double kLowestPitch = 60, kHighestPitch = 500;
// Of YIN's normalised difference: below the first a lag is a period, below the second the best of
// all is one, since voices from a network are rougher than people's.
constexpr double kVoiced = 0.15, kVoicedAtBest = 0.35;
constexpr double kStepSeconds = 0.02, kPitchWindow = 0.04;
constexpr size_t kSpectrum = 1024;
constexpr size_t kMelBands = 26;
constexpr double kHighestMel = 8000;

// Every `factor` samples become their mean.
std::vector<float> decimated(std::span<const float> samples, size_t factor) {
  std::vector<float> result(samples.size() / factor);
  for (size_t i = 0; i < result.size(); ++i) {
    float sum = 0;
    for (size_t k = 0; k < factor; ++k) sum += samples[i * factor + k];
    result[i] = sum / static_cast<float>(factor);
  }
  return result;
}

// In several sums, so that a processor adds several at a time.
double squared_difference(const float* a, const float* b, size_t size) {
  constexpr size_t kSums = 16;
  std::array<float, kSums> sums{};
  size_t i = 0;
  for (; i + kSums <= size; i += kSums) {
    for (size_t k = 0; k < kSums; ++k) {
      const float d = a[i + k] - b[i + k];
      sums[k] += d * d;
    }
  }
  double all = 0;
  for (; i < size; ++i) all += (a[i] - b[i]) * (a[i] - b[i]);
  for (const float sum : sums) all += sum;
  return all;
}

// The pitch of one window of `size` samples and the longest period after it; 0 without a voice.
double pitch_of(std::span<const float> x, size_t size, double rate) {
  const auto shortest = static_cast<size_t>(rate / kHighestPitch);
  const auto longest = static_cast<size_t>(rate / kLowestPitch);
  std::vector<double> normalised(longest + 1, 1);
  double sum = 0;
  for (size_t lag = 1; lag <= longest; ++lag) {
    const double difference = squared_difference(x.data(), x.data() + lag, size);
    sum += difference;
    normalised[lag] = sum > 0 ? difference * static_cast<double>(lag) / sum : 1;
  }
  const auto best =
      static_cast<size_t>(std::min_element(normalised.begin() + static_cast<ptrdiff_t>(shortest),
                                           normalised.begin() + static_cast<ptrdiff_t>(longest)) -
                          normalised.begin());
  const double limit = normalised[best] < kVoiced         ? kVoiced
                       : normalised[best] < kVoicedAtBest ? normalised[best] + 1e-9
                                                          : 0;
  for (size_t lag = shortest; lag < longest; ++lag) {
    if (normalised[lag] >= limit) continue;
    while (lag + 1 < longest && normalised[lag + 1] < normalised[lag]) ++lag;
    // The bottom of the parabola through three values.
    const double a = normalised[lag - 1], b = normalised[lag], c = normalised[lag + 1];
    const double bend = a - 2 * b + c;
    const double shift = bend > 0 ? 0.5 * (a - c) / bend : 0;
    return rate / (static_cast<double>(lag) + shift);
  }
  return 0;
}

double mel(double hertz) { return 2595 * std::log10(1 + hertz / 700); }
double bark(double hertz) { return 26.81 * hertz / (1960 + hertz) - 0.53; }

using MelBands = std::array<double, kMelBands>;

// Where every bin of a spectrum lies among the bands.
std::vector<double> mel_places(int sample_rate) {
  const double bin = static_cast<double>(sample_rate) / kSpectrum;
  const double width = mel(kHighestMel) / (kMelBands + 1);
  std::vector<double> places(kSpectrum / 2 + 1);
  for (size_t i = 0; i < places.size(); ++i) {
    places[i] = mel(static_cast<double>(i) * bin) / width - 1;
  }
  return places;
}

MelBands mel_bands(std::span<const float> powers, std::span<const double> places) {
  MelBands bands{};
  for (size_t i = 1; i < powers.size(); ++i) {
    // Triangles that overlap by half: a power belongs to two bands.
    const double place = places[i];
    if (place > kMelBands) break;
    const double lower = std::floor(place);
    const auto band = static_cast<ptrdiff_t>(lower);
    const double share = place - lower;
    if (band >= 0 && band < static_cast<ptrdiff_t>(kMelBands)) {
      bands[static_cast<size_t>(band)] += (1 - share) * powers[i];
    }
    if (band + 1 >= 0 && band + 1 < static_cast<ptrdiff_t>(kMelBands)) {
      bands[static_cast<size_t>(band + 1)] += share * powers[i];
    }
  }
  return bands;
}

constexpr size_t kStride = 3;  // hops; a spectrum is a little shorter

// Calls `use` with the spectrum of every third hop, if it is speech; returns how many there were.
template <class Use>
size_t for_speech(std::span<const float> samples, int sample_rate, const Use& use) {
  const SpeechActivity activity = find_speech(samples, sample_rate);
  PowerSpectrum spectrum(kSpectrum);
  size_t count = 0;
  for (size_t hop = activity.begin; hop < activity.end; hop += kStride) {
    if (!activity.speech[hop]) continue;
    const size_t first = hop * activity.hop;
    use(spectrum(samples.subspan(first, std::min(kSpectrum, samples.size() - first))));
    ++count;
  }
  return count;
}

}  // namespace

std::vector<double> pitch_track(std::span<const float> samples, int sample_rate) {
  const size_t factor = static_cast<size_t>(std::max(1, sample_rate / 11025));
  const std::vector<float> x = decimated(samples, factor);
  const double rate = static_cast<double>(sample_rate) / static_cast<double>(factor);
  const auto size = static_cast<size_t>(kPitchWindow * rate);
  const auto step = static_cast<size_t>(kStepSeconds * rate);
  const size_t all = size + static_cast<size_t>(rate / kLowestPitch) + 1;
  std::vector<double> track;
  for (size_t first = 0; first + all <= x.size(); first += step) {
    const std::span<const float> window = std::span<const float>(x).subspan(first, all);
    const bool silent = level_of(window.first(size)) < -60;
    track.push_back(silent ? 0 : pitch_of(window, size, rate));
  }
  return track;
}

std::optional<double> median_pitch(std::span<const float> samples, int sample_rate,
                                   double min_seconds) {
  std::vector<double> voiced = pitch_track(samples, sample_rate);
  std::erase(voiced, 0.0);
  if (static_cast<double>(voiced.size()) * kStepSeconds < min_seconds - 1e-9) return {};
  std::nth_element(voiced.begin(), voiced.begin() + static_cast<ptrdiff_t>(voiced.size() / 2),
                   voiced.end());
  return voiced[voiced.size() / 2];
}

std::vector<MelFrame> mel_frames(std::span<const float> samples, int sample_rate) {
  const std::vector<double> places = mel_places(sample_rate);
  const auto step = static_cast<size_t>(kStepSeconds * sample_rate);
  PowerSpectrum spectrum(kSpectrum);
  std::vector<MelFrame> frames;
  for (size_t first = 0; first + kSpectrum <= samples.size(); first += step) {
    const MelBands bands = mel_bands(spectrum(samples.subspan(first, kSpectrum)), places);
    MelFrame& frame = frames.emplace_back();
    for (size_t i = 0; i < frame.size(); ++i) {
      frame[i] = static_cast<float>(std::log(bands[i] + 1e-9));
    }
  }
  return frames;
}

std::optional<Timbre> mean_timbre(std::span<const float> samples, int sample_rate) {
  const std::vector<double> places = mel_places(sample_rate);
  MelBands means{};
  const size_t hops = for_speech(samples, sample_rate, [&](std::span<const float> powers) {
    MelBands bands = mel_bands(powers, places);
    // What lies 50 dB below all of it is not heard, and must not count the level.
    double all = 0;
    for (const double value : bands) all += value;
    for (double& value : bands) value = std::log(value / (all + 1e-12) + 1e-5);
    for (size_t b = 0; b < kMelBands; ++b) means[b] += bands[b];
  });
  if (hops == 0) return {};
  // The cosine transform of the mean is the mean of the transforms.
  Timbre timbre{};
  for (size_t k = 0; k < timbre.size(); ++k) {
    for (size_t b = 0; b < kMelBands; ++b) {
      timbre[k] += means[b] / static_cast<double>(hops) *
                   std::cos(std::numbers::pi * static_cast<double>(k + 1) *
                            (static_cast<double>(b) + 0.5) / kMelBands);
    }
  }
  return timbre;
}

double distance(const Timbre& a, const Timbre& b) {
  double squares = 0;
  for (size_t i = 0; i < a.size(); ++i) squares += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(squares);
}

std::optional<BarkSpectrum> mean_bark_spectrum(std::span<const float> samples, int sample_rate) {
  const double bin = static_cast<double>(sample_rate) / kSpectrum;
  BarkSpectrum sum{};
  const size_t hops = for_speech(samples, sample_rate, [&](std::span<const float> powers) {
    for (size_t i = 1; i < powers.size(); ++i) {
      const double place = bark(static_cast<double>(i) * bin);
      if (place >= 0 && place < static_cast<double>(sum.size())) {
        sum[static_cast<size_t>(place)] += powers[i];
      }
    }
  });
  if (hops == 0) return {};
  for (double& value : sum) value = 10 * std::log10(value / static_cast<double>(hops) + 1e-10);
  return sum;
}

}  // namespace echo
