// How loud a recording is from hop to hop, and where in it somebody speaks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace echo {

inline constexpr int kHopsPerSecond = 100;
inline constexpr float kSilentLevel = -120;  // dB of full scale; no level is below it

// Samples of a hop of ten milliseconds.
inline size_t hop_size(int sample_rate) {
  return static_cast<size_t>(sample_rate / kHopsPerSecond);
}

// Returns the root of the mean square of the samples in dB of full scale.
float level_of(std::span<const float> samples);

// Tells the level that one hop in twenty is above, of those that it has been shown.
class LoudLevel {
 public:
  void add(float level);
  // kSilentLevel before the first hop.
  float value() const { return value_; }

 private:
  static constexpr int kBinsPerDecibel = 4;
  std::array<uint32_t, 140 * kBinsPerDecibel> bins_{};
  uint64_t count_ = 0;
  float value_ = kSilentLevel;
};

// A recording hop by hop; a last part of a hop counts as one.
struct SpeechActivity {
  size_t hop = 0;             // samples
  std::vector<float> levels;  // dB of full scale
  float loud = kSilentLevel;  // of the speaker, as LoudLevel tells
  std::vector<bool> speech;   // at least 30 ms above -54 dB and 36 dB below `loud`

  // The first hop of speech and the one after the last; equal when there is none.
  size_t begin = 0, end = 0;
  bool any() const { return begin < end; }
  double seconds() const { return static_cast<double>(end - begin) / kHopsPerSecond; }
  // The longest silence between speech, in hops.
  size_t longest_pause() const;
  // The level of all speech together.
  float speech_level() const;
};

SpeechActivity find_speech(std::span<const float> samples, int sample_rate);

}  // namespace echo
