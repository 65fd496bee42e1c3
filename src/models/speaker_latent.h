// From a reference recording to the latents that the speaker encoder reads.
#pragma once

#include <span>

#include "checkpoint/limits.h"
#include "models/codec.h"

namespace echo {

struct SpeakerLatentOptions {
  // The codec starts anew after so many frames: what the transformer was trained on.
  int64_t chunk_frames = kMaxLatentFrames;
  int64_t max_frames = kMaxSpeakerFrames;
  int64_t patch = 4;  // the result's rows are a multiple of it
};

// Latents (T, latent_size) float32 of the recording's whole frames, the last partial frame dropped,
// then cut to a multiple of the patch; none when the recording is shorter. Only the samples of the
// frames that are kept are encoded. Errors: kCancelled.
Tensor speaker_latent(const Codec& codec, std::span<const float> samples,
                      const SpeakerLatentOptions& options = {}, const CodecHooks& hooks = {});

}  // namespace echo
