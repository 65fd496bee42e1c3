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
  if (options_.normalize_boundaries && !last) {
    const size_t wanted = options_.silence_samples;
    const size_t found = count_trailing_silence(chunk, 2 * wanted, options_.silence_threshold);
    chunk.resize(chunk.size() - found + wanted, 0.0F);
  }
  const size_t overlap = std::min({overlap_, chunk.size() / 4, total_ / 4});
  Samples ready = std::move(tail_);
  const size_t fade_at = ready.size() - overlap;
  for (size_t i = 0; i < overlap; ++i) {
    const float in = ramp_value(i, overlap);
    const float out = overlap < 2 ? 1.0F : ramp_value(overlap - 1 - i, overlap);
    ready[fade_at + i] = ready[fade_at + i] * out + chunk[i] * in;
  }
  ready.insert(ready.end(), chunk.begin() + static_cast<ptrdiff_t>(overlap), chunk.end());
  total_ += chunk.size() - overlap;
  if (!last) {
    const size_t keep = std::min(overlap_, total_ / 4);
    tail_.assign(ready.end() - static_cast<ptrdiff_t>(keep), ready.end());
    ready.resize(ready.size() - keep);
  }
  return ready;
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
