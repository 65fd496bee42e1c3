// Where speech ends in generated latents: the model fills the rest of its window with a constant.
#pragma once

#include <cstdint>
#include <span>

namespace echo {

struct FlatteningOptions {
  double target_value = 0;
  int64_t window_size = 20;  // frames
  double std_threshold = 0.05;
  double mean_threshold = 0.1;
};

// The first frame from which window_size frames (zeros past the end) have a standard deviation
// (unbiased, over all their values) below std_threshold and a mean within mean_threshold of
// target_value; the number of frames when there is none. latents: frames * channels values.
int64_t flattening_point(std::span<const float> latents, int64_t channels,
                         const FlatteningOptions& options = {});

struct CertainFrames {
  int64_t frames = 0;  // flattening_point() will keep at least these, whatever follows
  bool ended = false;  // it will keep exactly these
};

// Of latents of which these are the first frames, final. Frames from which a flat window may still
// begin are not certain; that is told by the known part of the window, whose squared distances from
// its own mean the whole cannot fall below.
CertainFrames certain_frames(std::span<const float> latents, int64_t channels,
                             const FlatteningOptions& options = {});

}  // namespace echo
