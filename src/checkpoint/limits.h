// What the published models were made for. Sizes that a checkpoint itself tells (widths, layers)
// are read from it; these are not in it.
#pragma once

#include <cstdint>

namespace echo {

// What the transformer was trained on; longer inputs are refused.
inline constexpr int64_t kMaxLatentFrames = 640;    // of one generation: 29.7 s
inline constexpr int64_t kMaxTextRows = 768;        // bytes of text with the tag before it
inline constexpr int64_t kMaxSpeakerFrames = 6400;  // of a reference recording: 297 s

// The codec's side.
inline constexpr int64_t kLatentChannels = 80;
inline constexpr int64_t kFrameSamples = 2048;  // of one latent frame
inline constexpr int kSampleRate = 44100;       // Hz

inline constexpr float kNormEps = 1e-5f;  // of every RMS norm

}  // namespace echo
