#include "engine/window.h"

#include <algorithm>
#include <cmath>

#include "checkpoint/limits.h"

namespace echo {
namespace {

constexpr double kFramesPerSecond = static_cast<double>(kSampleRate) / kFrameSamples;
constexpr double kReserve = 1.3;  // of the frames that the text takes at the usual pace
constexpr double kPauseFrames = 24;
constexpr int64_t kMinFrames = 96;

int64_t whole_patches(double frames) { return 4 * static_cast<int64_t>(std::ceil(frames / 4)); }

}  // namespace

TextOptions text_options_of(const SpeechParameters& parameters) {
  const auto max_chars = static_cast<size_t>(parameters.max_chars_per_chunk);
  if (!parameters.text_processing) {
    TextOptions published = published_text_options(max_chars, parameters.target_duration_seconds);
    published.chars_per_second = pace_of(parameters);
    return published;
  }
  TextOptions options;
  options.max_chars = max_chars;
  options.target_seconds = parameters.target_duration_seconds;
  options.chars_per_second = pace_of(parameters);
  if (parameters.continuity != Continuity::kNone && max_chars > 0) {
    // How much a chunk of a strand may hold turns out while it is spoken: see engine/strand.h.
    options.max_chars = std::min(max_chars, kStrandPartChars);
    options.sentences_apart = true;
  }
  options.paragraph_pause = parameters.paragraph_pause;
  options.numbers = parameters.numbers;
  options.parentheses = parameters.parentheses;
  options.emoji = parameters.emoji;
  options.code = parameters.code;
  options.date_order = parameters.date_order;
  options.sound_events = parameters.sound_events;
  return options;
}

int64_t window_frames(int64_t chars, double chars_per_second) {
  const double spoken = static_cast<double>(chars) / chars_per_second * kFramesPerSecond;
  return std::clamp(whole_patches(kReserve * spoken + kPauseFrames), kMinFrames, kMaxFrames);
}

int64_t further_frames(int64_t window, int64_t sampled) {
  const int64_t wanted = std::max(kMinFrames, whole_patches(static_cast<double>(window) / 8));
  return std::min(wanted, kMaxFrames - sampled);
}

}  // namespace echo
