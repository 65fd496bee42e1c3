// Decoded frames of any sample format become one channel of floats.
// For the files of this folder only.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "audio/ffmpeg.h"

namespace echo {

// Sums of squares: of each channel, and of the mean of all.
struct MixEnergy {
  std::vector<double> channels;
  double mean = 0;

  // The loudest channel, from 0.
  size_t loudest() const;
  // Whether the channels are each other's opposites: of the loudest one less than a hundredth is
  // left in the mean (-20 dB), where of a channel that is alone among eight there is -18 dB.
  bool cancels() const;
};

// Appends the mean over the channels of every sample of a frame, or the channel `only` alone,
// integers scaled to [-1, 1), and adds to `energy`. Returns false, with nothing appended, when the
// frame's sample format is none that is known here.
bool append_mono(const AVFrame& frame, std::vector<float>& mono, MixEnergy& energy,
                 std::optional<size_t> only = {});

}  // namespace echo
