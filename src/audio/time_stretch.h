// Speech made slower or faster without a change of pitch.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace echo {

// Overlaps and adds pieces of the waveform where they resemble each other (WSOLA). Feed it piece by
// piece: it keeps about a tenth of a second for itself. One thread at a time.
class TimeStretch {
 public:
  static constexpr double kSlowest = 0.25;
  static constexpr double kFastest = 4;

  // `speed` 2 halves the duration; 1 passes every sample on as it is. Throws kInvalidArgument for a
  // speed outside kSlowest to kFastest.
  TimeStretch(double speed, int rate);
  ~TimeStretch();
  TimeStretch(TimeStretch&&) noexcept;
  TimeStretch& operator=(TimeStretch&&) noexcept;

  // Adds samples and appends to `out` what they complete.
  void push(std::span<const float> samples, std::vector<float>& out);

  // Appends the rest: in all n / speed samples, rounded, for n put in. Nothing may be pushed after.
  void finish(std::vector<float>& out);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;  // null: speed 1
};

}  // namespace echo
