#include "engine/recording.h"

#include <cmath>
#include <utility>

#include "audio/voice.h"

namespace echo {
namespace {

size_t samples_of(double seconds) { return static_cast<size_t>(std::lround(seconds * kModelRate)); }

}  // namespace

Recording::Recording(const SpeechParameters& parameters, double leading_pause_seconds)
    : join_options_{.normalize_boundaries = parameters.normalize_boundaries,
                    .enable_crossfade = parameters.enable_crossfade},
      published_(join_options_) {
  NaturalJoinOptions natural{.sample_rate = kModelRate,
                             .trim_head = parameters.trim_head,
                             .trim_tail = parameters.trim_tail};
  if (parameters.natural_pauses) {
    natural.leading_pause_seconds = leading_pause_seconds;
    natural_.emplace(natural);
    return;
  }
  if (parameters.trim_head || parameters.trim_tail) trimmer_.emplace(natural);
  silence_.resize(samples_of(leading_pause_seconds));
  before_ = silence_.size();
}

Samples Recording::trimmed(Samples samples, bool last) {
  if (!trimmer_) return samples;
  Samples ready = trimmer_->push(samples);
  if (last) {
    const Samples end = trimmer_->end_chunk({.last = true});
    ready.insert(ready.end(), end.begin(), end.end());
  }
  return ready;
}

Samples Recording::push(std::span<const float> piece, const Boundary& boundary) {
  if (natural_) return natural_->push(piece);
  Samples ready = std::exchange(silence_, {});
  const bool last = boundary.last || boundary.pause_seconds > 0;
  const Samples more = published_.push_piece(Samples(piece.begin(), piece.end()), last);
  ready.insert(ready.end(), more.begin(), more.end());
  return trimmed(std::move(ready), false);
}

Samples Recording::end_chunk(const Boundary& boundary) {
  if (natural_) {
    Samples ready = natural_->end_chunk(boundary);
    place_ = natural_->place();
    return ready;
  }
  Samples ready = std::exchange(silence_, {});
  const bool paused = boundary.pause_seconds > 0;
  if (boundary.continues && !paused) {
    place_ = {chunk_begin_, before_ + published_.size()};
    chunk_begin_ = place_.end;
    return trimmed(std::move(ready), false);
  }
  const Samples rest = published_.push({}, boundary.last || paused);
  ready.insert(ready.end(), rest.begin(), rest.end());
  place_ = {chunk_begin_, before_ + published_.size()};
  if (paused) {
    // The next chunk is a beginning of its own.
    silence_.resize(samples_of(boundary.pause_seconds));
    before_ = place_.end + silence_.size();
    published_ = ChunkJoiner(join_options_);
    if (boundary.last) {
      const Samples end = std::exchange(silence_, {});
      ready.insert(ready.end(), end.begin(), end.end());
    }
  }
  chunk_begin_ = before_ + published_.size();
  return trimmed(std::move(ready), boundary.last);
}

}  // namespace echo
