// Whether speech goes on as it was before.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "audio/speech_level.h"
#include "audio/take_faults.h"
#include "audio/voice_features.h"

namespace echo {

// How a stretch of speech sounds, and how it ends.
struct SpeechSound {
  float level = kSilentLevel;   // of the speech, dB of full scale
  std::optional<double> pitch;  // median of the last three seconds of speech, Hz
  std::optional<BarkSpectrum> spectrum;
  std::vector<MelFrame> end;  // the last three seconds of speech
};

SpeechSound sound_of(std::span<const float> samples, int sample_rate);

// The faults of mono samples that were to go on from `before`: "level_jump" beyond 6 dB,
// "pitch_jump" beyond four semitones, "repeated" when the last words of before begin them.
std::vector<TakeFault> find_continuation_faults(const SpeechSound& before,
                                                std::span<const float> samples, int sample_rate);

// Whether a voice has wandered off: its spectrum by 3 dB, its pitch by two semitones, or its level
// by 4 dB.
bool has_drifted(const SpeechSound& from, const SpeechSound& to);

// Hears the chunks of a strand one after the other.
class DriftWatch {
 public:
  // Whether the voice has wandered off from the first chunk's in this one and the one before.
  bool add(SpeechSound sound);
  // The chunk that was added last; null before the first.
  const SpeechSound* last() const { return last_ ? &*last_ : nullptr; }

 private:
  std::optional<SpeechSound> first_, last_;
  int drifting_ = 0;  // chunks running
};

}  // namespace echo
