// The strand that a request is at, as far as it has been spoken. For the files of this folder only.
#pragma once

#include <cstdint>
#include <optional>

#include "audio/continuation.h"
#include "audio/join.h"
#include "engine/chunk_attempt.h"
#include "engine/strand.h"

namespace echo {

// What the next chunk is given of those before it, how the pause between them is settled, and when
// a voice that has wandered off begins anew. Used by the device's thread alone.
class StrandRun {
 public:
  // `chars_per_second`: of the speaker, where the request knows it.
  StrandRun(std::optional<double> chars_per_second, int64_t samples_per_frame);

  bool begins() const { return strand_.empty(); }
  bool full() const { return strand_.full(); }
  // Whether it begins because the one before it was given up.
  bool after_reset() const { return reset_; }
  double chars_per_frame() const { return strand_.rate(); }
  double chars_per_second() const;
  int64_t last_frames() const { return strand_.last_frames(); }
  // How the chunk before sounds; null at the beginning.
  const SpeechSound* last_sound() const { return drift_.last(); }
  const std::optional<Codec::Decoder>& decoder() const { return strand_.decoder(); }
  // What a chunk is given; of at most so many chunks before it.
  Strand::Continuation continue_with(const PlannedChunk& chunk, size_t max_parts) const {
    return strand_.continue_with(chunk, max_parts);
  }

  struct Added {
    int64_t frames = 0;  // that are kept of the chunk
    bool ended = false;  // with it: the next chunk begins a strand
  };
  // Takes a chunk that is whole and kept: settles the pause before it and where it ends, in the
  // attempt and its `samples`. `text_goes_on`: the next chunk is of the same strand. Errors: those
  // of decoding anew.
  Added add(const PlannedChunk& chunk, ChunkAttempt& attempt, Samples& samples, bool text_goes_on,
            const CodecHooks& hooks);

 private:
  void begin_anew();
  // Leaves out silent frames of a pause that is too long.
  void shorten_pause(ChunkAttempt& attempt, Samples& samples, const CodecHooks& hooks) const;
  // Puts silence before the samples.
  void lengthen_pause(Samples& samples, double seconds) const;
  // How many frames are kept of a chunk whose speech ends before `speech_end`.
  static int64_t kept_frames(const ChunkAttempt& attempt, int64_t speech_end, ChunkEnd end);

  const std::optional<double> chars_per_second_;
  const int64_t samples_per_frame_;
  Strand strand_;
  double tail_seconds_ = 0;             // silence at the end so far
  ChunkEnd end_ = ChunkEnd::kSentence;  // of the last chunk
  bool paused_ = false;                 // a pause that was asked for follows it
  Samples last_samples_;                // of it
  DriftWatch drift_;
  bool reset_ = false;
};

}  // namespace echo
