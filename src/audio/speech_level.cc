#include "audio/speech_level.h"

#include <algorithm>
#include <cmath>

namespace echo {
namespace {

constexpr float kQuietestSpeech = -54;
constexpr float kSpeechRange = 36;
constexpr size_t kShortestSpeech = 3;  // hops

}  // namespace

float level_of(std::span<const float> samples) {
  if (samples.empty()) return kSilentLevel;
  double squares = 0;
  for (const double x : samples) squares += x * x;
  const double mean = squares / static_cast<double>(samples.size());
  return std::max(kSilentLevel, static_cast<float>(10 * std::log10(mean + 1e-12)));
}

void LoudLevel::add(float level) {
  const auto bin = static_cast<int>((level - kSilentLevel) * kBinsPerDecibel);
  ++bins_[static_cast<size_t>(std::clamp(bin, 0, static_cast<int>(bins_.size()) - 1))];
  ++count_;
  uint64_t above = 0;
  size_t i = bins_.size();
  while (i > 0 && above + bins_[i - 1] <= count_ / 20) above += bins_[--i];
  value_ = kSilentLevel + static_cast<float>(i) / kBinsPerDecibel;
}

size_t SpeechActivity::longest_pause() const {
  size_t longest = 0, silent = 0;
  for (size_t i = begin; i < end; ++i) {
    silent = speech[i] ? 0 : silent + 1;
    longest = std::max(longest, silent);
  }
  return longest;
}

float SpeechActivity::speech_level() const {
  double squares = 0;
  size_t hops = 0;
  for (size_t i = begin; i < end; ++i) {
    if (!speech[i]) continue;
    squares += std::pow(10.0, levels[i] / 10.0);
    ++hops;
  }
  if (hops == 0) return kSilentLevel;
  return static_cast<float>(10 * std::log10(squares / static_cast<double>(hops) + 1e-12));
}

SpeechActivity find_speech(std::span<const float> samples, int sample_rate) {
  SpeechActivity activity;
  activity.hop = hop_size(sample_rate);
  LoudLevel loud;
  for (size_t first = 0; first < samples.size(); first += activity.hop) {
    const size_t count = std::min(activity.hop, samples.size() - first);
    activity.levels.push_back(level_of(samples.subspan(first, count)));
    loud.add(activity.levels.back());
  }
  activity.loud = loud.value();
  const float threshold = std::max(activity.loud - kSpeechRange, kQuietestSpeech);
  const size_t hops = activity.levels.size();
  activity.speech.assign(hops, false);
  for (size_t first = 0; first < hops;) {
    size_t last = first;
    while (last < hops && activity.levels[last] > threshold) ++last;
    if (last - first >= kShortestSpeech) {
      std::fill(activity.speech.begin() + static_cast<ptrdiff_t>(first),
                activity.speech.begin() + static_cast<ptrdiff_t>(last), true);
      if (!activity.any()) activity.begin = first;
      activity.end = last;
    }
    first = std::max(last, first + 1);
  }
  return activity;
}

}  // namespace echo
