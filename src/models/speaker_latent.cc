#include "models/speaker_latent.h"

#include <algorithm>

namespace echo {

Tensor speaker_latent(const Codec& codec, std::span<const float> samples,
                      const SpeakerLatentOptions& options, const CodecHooks& hooks) {
  const int64_t hop = codec.samples_per_frame();
  int64_t frames = std::min(static_cast<int64_t>(samples.size()) / hop, options.max_frames);
  frames -= frames % options.patch;
  const Tensor latent = empty(codec.backend(), frames, codec.latent_size(), DType::kFloat32);
  for (int64_t begin = 0; begin < frames; begin += options.chunk_frames) {
    const int64_t count = std::min(options.chunk_frames, frames - begin);
    const auto chunk =
        samples.subspan(static_cast<size_t>(begin * hop), static_cast<size_t>(count * hop));
    copy(codec.encode(chunk, hooks).latent, latent.row_range(begin, count));
  }
  return latent;
}

}  // namespace echo
