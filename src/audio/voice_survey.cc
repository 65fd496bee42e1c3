#include "audio/voice_survey.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace echo {
namespace {

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

}  // namespace

VoiceSurvey::VoiceSurvey(int rate) : rate_(std::max(1, rate)) {}

void VoiceSurvey::push(std::span<const float> samples) {
  samples_ += samples.size();
  for (const float x : samples) {
    const float level = std::abs(x);
    sum_ += static_cast<double>(x);
    if (level > peak_) {
      // What lay flat below the new peak was not the top.
      if (peak_ < kFlat * level) flat_ = 0;
      peak_ = level;
    }
    const float top = kFlat * peak_;
    flat_ += (x >= top && last_ >= top) || (x <= -top && last_ <= -top);
    last_ = x;
    add_to_part(level);
  }
}

void VoiceSurvey::add_to_part(float level) {
  heard_ = heard_ || level >= kSilentPeak;
  if (++part_ < static_cast<size_t>(std::max(1, rate_ / 100))) return;
  if (heard_) sounding_ += part_;
  part_ = 0;
  heard_ = false;
}

double VoiceSurvey::seconds() const { return static_cast<double>(samples_) / rate_; }

double VoiceSurvey::sound_seconds() const {
  return static_cast<double>(sounding_ + (heard_ ? part_ : 0)) / rate_;
}

void VoiceSurvey::add_warnings(std::vector<std::string>& warnings) const {
  const auto samples = static_cast<double>(std::max<size_t>(1, samples_));
  if (peak_ < kSilentPeak) {
    warnings.emplace_back("it is silent: the voice will be one of the model's own");
  }
  if (seconds() < kShortVoice) {
    warnings.push_back(text("it is only %.2f s long, ten seconds or more work best", seconds()));
  }
  if (seconds() > kLongVoice) {
    warnings.push_back(text(
        "it is %.0f s long, as a piece of music is; ten to sixty seconds of one speaker work best",
        seconds()));
  }
  const double flat_share = static_cast<double>(flat_) / samples;
  if (peak_ >= kFullScale && flat_share >= kClippedShare) {
    warnings.push_back(
        text("it is clipped: %.1f %% of it lies flat at its peak, which the voice "
             "will sound like",
             100 * flat_share));
  }
  const double mean = sum_ / samples;
  if (std::abs(mean) >= kOffset) {
    warnings.push_back(
        text("it lies %.1f %% of full scale off the middle (a direct-current offset)", 100 * mean));
  }
}

}  // namespace echo
