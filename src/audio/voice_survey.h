// What a listener would say of a recording, found out while it passes.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace echo {

inline constexpr float kSilentPeak = 1e-3F;  // -60 dB: nothing to learn a voice from

// Takes mono samples piece by piece and holds none of them.
class VoiceSurvey {
 public:
  explicit VoiceSurvey(int rate);  // Hz

  void push(std::span<const float> samples);

  double seconds() const;
  // Seconds in which something is heard, in parts of 10 ms: |x| of one sample is kSilentPeak.
  double sound_seconds() const;
  // Appends what speaks against the recording as a voice, a sentence each.
  void add_warnings(std::vector<std::string>& warnings) const;

 private:
  void add_to_part(float level);

  const int rate_;
  size_t samples_ = 0;
  double sum_ = 0;
  float peak_ = 0, last_ = 0;
  size_t flat_ = 0;                 // samples that lie at the peak together with the one before
  size_t part_ = 0, sounding_ = 0;  // samples of the part that passes; of parts that were heard
  bool heard_ = false;              // in the part that passes
};

}  // namespace echo
