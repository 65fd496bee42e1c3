// Chunks put together as the request's parameters say. For the files of this folder only.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "audio/join.h"
#include "audio/natural_join.h"
#include "engine/speech_parameters.h"

namespace echo {

// The published join, trimmed if asked for, or the natural one. Silence that the text asks for is
// inserted to the sample; nothing is faded over it.
class Recording {
 public:
  using Boundary = ChunkBoundary;

  Recording(const SpeechParameters& parameters, double leading_pause_seconds);

  // Adds a piece of the current chunk and returns what is final. `boundary`: how the chunk ends.
  Samples push(std::span<const float> piece, const Boundary& boundary);
  Samples end_chunk(const Boundary& boundary);

  // Where the speech of the chunk that was ended last lies in the recording, in samples.
  NaturalJoiner::Place place() const { return place_; }

 private:
  Samples trimmed(Samples samples, bool last);

  JoinOptions join_options_;
  std::optional<NaturalJoiner> natural_;
  ChunkJoiner published_;
  std::optional<NaturalJoiner> trimmer_;  // of what published_ gives, as of one chunk
  Samples silence_;                       // to be returned before what comes next
  uint64_t before_ = 0;                   // samples of the recording before published_ began
  uint64_t chunk_begin_ = 0;              // of the current chunk
  NaturalJoiner::Place place_;
};

}  // namespace echo
