// Chunks that are spoken in one breath: each hears the ones before it. For the files of this folder
// only.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>

#include "models/codec.h"
#include "tensor/tensor.h"
#include "text/planned_text.h"

namespace echo {

// What the published block mode uses where a request asks for nothing: a strong guidance by the
// speaker makes each block begin like a new utterance.
inline constexpr double kStrandSpeakerScale = 5;

// A chunk that has been spoken, by its sizes.
struct SpokenPart {
  int64_t chars = 0;   // code points
  int64_t bytes = 0;   // of its text as the model reads it, without a tag
  int64_t frames = 0;  // a multiple of 4
};

// What a chunk hears of those before it, and the window it gets.
struct ContinuationPlan {
  size_t parts = 0;           // the last so many chunks; 0: it begins afresh
  int64_t prefix_frames = 0;  // of them together
  int64_t window_frames = 0;  // for the chunk itself
};

// The frames that a chunk of so many characters needs at `rate` characters a frame, with a reserve.
int64_t needed_frames(int64_t chars, double rate);

// Plans a chunk after `spoken`, whose whole chunks alone may be heard, since words and frames
// cannot be told apart within one: as many as fit with the chunk into the model's window and its
// text, of at most 320 frames, but for one. At most `max_parts`.
ContinuationPlan plan_continuation(std::span<const SpokenPart> spoken, const SpokenPart& next,
                                   double rate, size_t max_parts);

// How many of the parts that are left of a strand, of so many characters each, the next chunk
// takes: all when they fit into what a chunk of `last_frames` before it leaves of the window (0:
// none before it), else as many as leave room for a chunk like it behind it; a rest of few
// characters is shared with it. At least one; more only up to `most_chars`.
size_t parts_of_next_chunk(std::span<const int64_t> chars, int64_t last_frames, double rate,
                           int64_t most_chars);

// Characters a frame of a speaker of whom nothing has been heard: 12 a second.
inline constexpr double kUsualRate = 0.557;

class Strand {
 public:
  // `rate`: characters a frame, until the strand has been heard.
  explicit Strand(double rate = kUsualRate) : rate_(rate) {}

  struct Continuation {
    ContinuationPlan plan;
    std::string model_text;  // of the chunks that are heard, and of the chunk
    Tensor latents;          // (plan.prefix_frames, 80); empty when there are none
  };

  // What a chunk is given; of at most so many chunks before it.
  Continuation continue_with(const PlannedChunk& chunk, size_t max_parts = SIZE_MAX) const;
  // The decoder's state after the last chunk; none at the beginning.
  const std::optional<Codec::Decoder>& decoder() const { return decoder_; }

  // Adds what has been kept of a chunk: latents (frames, 80), a multiple of 4 of them; the frames
  // from the first to the last speech; the decoder after them.
  void add(const PlannedChunk& chunk, const Tensor& latents, int64_t speech_frames,
           Codec::Decoder decoder);
  bool empty() const { return parts_.empty(); }
  // Of the last chunk; 0 when there is none.
  int64_t last_frames() const { return parts_.empty() ? 0 : parts_.back().sizes.frames; }
  // Whether the decoder can take another window.
  bool full() const;
  double rate() const { return rate_; }

 private:
  struct Part {
    std::string text;
    int speaker;
    SpokenPart sizes;
    Tensor latents;
  };
  std::deque<Part> parts_;    // the last few
  std::deque<double> rates_;  // characters a frame, of the last few
  double rate_;
  int64_t frames_ = 0;        // of the whole strand
  std::optional<Codec::Decoder> decoder_;
};

}  // namespace echo
