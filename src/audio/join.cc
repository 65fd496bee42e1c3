#include "audio/join.h"

#include <algorithm>

namespace echo {
namespace {

// Element i of n evenly spaced values from 0 to 1, counted from the nearer end, as the model's own
// code computes them in float32.
float ramp_value(size_t i, size_t n) {
  if (n < 2) return 0;
  const float step = 1.0F / static_cast<float>(n - 1);
  return i < n / 2 ? step * static_cast<float>(i) : 1.0F - step * static_cast<float>(n - 1 - i);
}

}  // namespace

ChunkJoiner::ChunkJoiner(const JoinOptions& options)
    : options_(options),
      overlap_(options.normalize_boundaries || options.enable_crossfade ? options.crossfade_samples
                                                                        : 0) {}

Samples ChunkJoiner::push(Samples chunk, bool last) {
  if (chunk_.empty()) {
    chunk_ = std::move(chunk);
  } else {
    chunk_.insert(chunk_.end(), chunk.begin(), chunk.end());
  }
  if (options_.normalize_boundaries && !last) {
    const size_t wanted = options_.silence_samples;
    const size_t found = count_trailing_silence(chunk_, 2 * wanted, options_.silence_threshold);
    chunk_.resize(chunk_.size() - found + wanted, 0.0F);
  }
  append(chunk_.size());
  chunk_ = {};
  faded_ = false;
  return take_final(last ? 0 : std::min(overlap_, total_ / 4));
}

Samples ChunkJoiner::push_piece(const Samples& piece, bool last) {
  chunk_.insert(chunk_.end(), piece.begin(), piece.end());
  const size_t pause = options_.normalize_boundaries && !last ? 2 * options_.silence_samples : 0;
  const size_t certain = chunk_.size() - std::min(chunk_.size(), pause);
  // While the chunk may end up so short that it would fade over less, nothing of it is certain.
  if (!faded_ && certain / 4 < std::min(overlap_, total_ / 4)) return {};
  append(certain);
  return take_final(last ? 0 : overlap_);
}

void ChunkJoiner::append(size_t samples) {
  size_t overlap = 0;
  if (!faded_) {
    overlap = std::min({overlap_, samples / 4, total_ / 4});
    const size_t fade_at = tail_.size() - overlap;
    for (size_t i = 0; i < overlap; ++i) {
      const float in = ramp_value(i, overlap);
      const float out = overlap < 2 ? 1.0F : ramp_value(overlap - 1 - i, overlap);
      tail_[fade_at + i] = tail_[fade_at + i] * out + chunk_[i] * in;
    }
    faded_ = true;
  }
  const auto end = chunk_.begin() + static_cast<ptrdiff_t>(samples);
  tail_.insert(tail_.end(), chunk_.begin() + static_cast<ptrdiff_t>(overlap), end);
  chunk_.erase(chunk_.begin(), end);
  total_ += samples - overlap;
}

Samples ChunkJoiner::take_final(size_t kept) {
  const auto end = tail_.end() - static_cast<ptrdiff_t>(std::min(kept, tail_.size()));
  Samples result(tail_.begin(), end);
  tail_.erase(tail_.begin(), end);
  return result;
}

Samples crossfade_chunks(std::span<const Samples> chunks, size_t overlap) {
  JoinOptions options;
  options.normalize_boundaries = false;
  options.crossfade_samples = overlap;
  return join_chunks(chunks, options);
}

Samples normalize_chunk_boundaries(std::span<const Samples> chunks, size_t silence,
                                   float threshold) {
  JoinOptions options;
  options.silence_samples = silence;
  options.silence_threshold = threshold;
  return join_chunks(chunks, options);
}

Samples join_chunks(std::span<const Samples> chunks, const JoinOptions& options) {
  ChunkJoiner joiner(options);
  Samples result;
  for (size_t i = 0; i < chunks.size(); ++i) {
    const Samples ready = joiner.push(chunks[i], i + 1 == chunks.size());
    result.insert(result.end(), ready.begin(), ready.end());
  }
  return result;
}

}  // namespace echo
