#include "speech/audio_quality.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "audio/silence.h"
#include "base/error.h"
#include "text/chunk.h"

namespace echo {
namespace {

constexpr float kInaudible = 1e-3F;        // -60 dB of full scale
constexpr double kFastestSpeech = 4;       // times the usual rate of characters
constexpr double kShortestSeconds = 0.15;  // of any word
constexpr double kClippedShare = 0.001;

std::string decimals(double value, const char* format) {
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

}  // namespace

std::vector<std::string> check_audio(std::span<const float> samples, int sample_rate,
                                     size_t text_chars) {
  if (samples.empty()) throw_internal("the audio has no samples");
  const size_t bad = find_non_finite(samples);
  if (bad < samples.size()) {
    throw_internal("sample " + std::to_string(bad) + " of " + std::to_string(samples.size()) +
                   " of the audio is not a finite number");
  }
  std::vector<std::string> warnings;
  const double seconds = static_cast<double>(samples.size()) / sample_rate;
  const double fastest = static_cast<double>(text_chars) / (kCharsPerSecond * kFastestSpeech);
  if (seconds < std::max(kShortestSeconds, fastest)) {
    warnings.push_back("the audio is only " + decimals(seconds, "%.2f") + " s long for a text of " +
                       std::to_string(text_chars) + " characters");
  }
  if (find_peak(samples) < kInaudible) {
    warnings.emplace_back("the audio is nearly silent");
  }
  const auto clipped = std::count_if(samples.begin(), samples.end(),
                                     [](float sample) { return std::abs(sample) > 1.0F; });
  const double share = static_cast<double>(clipped) / static_cast<double>(samples.size());
  if (share > kClippedShare) {
    warnings.push_back("the audio is clipped: " + decimals(100 * share, "%.1f") +
                       " % of its samples were beyond full scale");
  }
  return warnings;
}

}  // namespace echo
