// Spoken chunks become one recording with the pauses that a reader would make.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "audio/join.h"
#include "audio/speech_level.h"

namespace echo {

struct NaturalJoinOptions {
  int sample_rate = 44100;
  bool trim_head = true;             // silence of more than 0.3 s at the beginning becomes 0.1 s
  bool trim_tail = true;             // silence at the end becomes 0.12 s
  double leading_pause_seconds = 0;  // silence asked for before the first chunk
};

// How a chunk ends.
struct ChunkBoundary {
  bool last = false;         // of the recording
  double gap_seconds = 0;    // from its last speech to the first of the next chunk
  double pause_seconds = 0;  // silence that is asked for here: as many zeros, exactly
  bool sound_event = false;  // its text ends in a sound, "(sighs)": its end is no silence
  bool continues = false;  // the next chunk goes on in the same sound: nothing is done between them
};

// Pauses are measured from speech to speech. Silence beyond them is left out, what is missing is
// made of the silence that is there, read to and fro, and parts that meet are cross-faded; speech
// itself is never touched. All decisions are made hop by hop from what came before, so it does not
// matter in which pieces a chunk arrives: the same recording comes out, bit by bit. At most 0.6 s
// after the last speech are held back.
class NaturalJoiner {
 public:
  explicit NaturalJoiner(const NaturalJoinOptions& options = {});

  // Adds a piece of a chunk and returns what is final.
  Samples push(std::span<const float> piece);
  // Ends the chunk and returns what is final: all after the last one.
  Samples end_chunk(const ChunkBoundary& boundary);

  // Where the speech of the chunk that was ended last begins and ends in the recording, in samples.
  struct Place {
    uint64_t begin = 0, end = 0;
  };
  Place place() const { return place_; }

 private:
  enum class After { kNothing, kChunk, kPause };  // what lies before the chunk

  void add_hop(std::span<const float> hop);
  void add_to_lead(std::span<const float> hop, bool loud);
  void add_to_body(std::span<const float> hop, bool loud);
  // The chunk's speech begins: what lies between the last speech and it is settled.
  void begin_speech(size_t lead);
  void write_gap(std::span<const float> lead);
  void write_shortened(std::span<const float> lead, size_t wanted);
  void write_lengthened(std::span<const float> lead, size_t wanted);
  void write_tail(bool trim, bool last);
  void write(std::span<const float> samples);
  void write_zeros(size_t count);
  size_t samples_of(double seconds) const;

  NaturalJoinOptions options_;
  size_t hop_;
  LoudLevel loud_;
  Samples out_;           // to be returned
  uint64_t written_ = 0;  // in all
  uint64_t read_ = 0;     // samples that were pushed

  Samples part_;             // of a hop
  Samples lead_;             // of the chunk, until its speech has begun
  Samples tail_;             // silence after the last speech, not yet written
  size_t tail_written_ = 0;  // silence after the last speech, written
  bool speaking_ = false;    // the chunk's speech has begun
  size_t loud_hops_ = 0;     // in a row
  size_t quiet_hops_ = 0;    // in a row, before them
  After after_ = After::kNothing;
  size_t gap_ = 0;  // wanted after the chunk before
  bool new_place_ =
      false;  // the next speech is a chunk's first, though it goes on in the same sound
  size_t place_hops_ = 0;  // loud ones in a row, of that chunk
  Place place_;
};

}  // namespace echo
