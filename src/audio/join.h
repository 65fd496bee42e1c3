// Spoken chunks become one recording: even pauses, and no click where they meet.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "audio/silence.h"

namespace echo {

using Samples = std::vector<float>;  // mono

inline constexpr size_t kCrossfadeSamples = 4410;         // 100 ms at 44,100 Hz
inline constexpr size_t kBoundarySilenceSamples = 22050;  // half a second

struct JoinOptions {
  bool normalize_boundaries = true;  // bring the pause at the end of each chunk to one length first
  bool enable_crossfade = true;      // only asked when boundaries are not normalised
  size_t crossfade_samples = kCrossfadeSamples;
  size_t silence_samples = kBoundarySilenceSamples;
  float silence_threshold = kSilenceThreshold;
};

// Chunks one after the other; each begins while the one before fades out, linearly, over `overlap`
// samples, or a quarter of the chunk or of all before it, whichever is least.
Samples crossfade_chunks(std::span<const Samples> chunks, size_t overlap = kCrossfadeSamples);

// Makes the silence at the end of every chunk but the last `silence` samples long (it looks at most
// twice as far back), then crossfades.
Samples normalize_chunk_boundaries(std::span<const Samples> chunks,
                                   size_t silence = kBoundarySilenceSamples,
                                   float threshold = kSilenceThreshold);

// The above as the options say; with both off the chunks just follow one another.
Samples join_chunks(std::span<const Samples> chunks, const JoinOptions& options = {});

// join_chunks() for chunks that arrive one by one, whole or in pieces: what the calls return, put
// together, is the same recording, bit by bit.
class ChunkJoiner {
 public:
  explicit ChunkJoiner(const JoinOptions& options = {});

  // Adds a chunk, or what is left of one, and returns the samples that no later chunk can change:
  // all after the last one. `last`: of the recording, the same for all pieces of a chunk.
  Samples push(Samples chunk, bool last);

  // Adds a piece of a chunk that goes on, and returns the samples that nothing can change any more:
  // in the last chunk all, in others not those that may belong to the pause at its end.
  Samples push_piece(const Samples& piece, bool last);

  // Samples of the recording so far, returned or not.
  size_t size() const { return total_; }

 private:
  // Moves the first samples of the chunk behind the recording, the very first over its end.
  void append(size_t samples);
  // Takes all but the last samples of tail_.
  Samples take_final(size_t kept);

  JoinOptions options_;
  size_t overlap_;      // the most that two chunks share; 0 when they just follow one another
  size_t total_ = 0;    // samples of the recording so far, those in tail_ included
  Samples tail_;        // the end of it, which the next chunk may fade over
  Samples chunk_;       // what is not yet in the recording of the chunk that is being added
  bool faded_ = false;  // its beginning is in the recording
};

}  // namespace echo
