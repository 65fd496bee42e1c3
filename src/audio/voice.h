// A reference voice, as the speaker encoder wants to hear it.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "audio/decode.h"

namespace echo {

inline constexpr int kModelRate = 44100;  // Hz, of everything the model hears and says

// The length of so many samples at kModelRate, seconds.
template <class Count>
double seconds_of(Count samples) {
  return static_cast<double>(samples) / kModelRate;
}

struct Voice {
  std::vector<float> samples;         // mono at kModelRate, |x| <= 1
  std::vector<std::string> warnings;  // about the file, a sentence each, without its name
};

// Mean over the channels of planar samples: channel after channel, all of one length. Throws
// kInvalidArgument when there is no channel or the lengths differ.
std::vector<float> mix_to_mono(std::span<const float> planar, size_t channels);

// What load_voice() does after decoding.
Voice prepare_voice(DecodedAudio audio);

// Decodes a file, mixes it to one channel, resamples it to kModelRate and, where its peak is above
// 1, divides by it. Quiet ones stay quiet: the model was trained so. Warns of what speaks against a
// recording (voice.cc). Errors as decode.h; kInvalidArgument for less than 0.19 s.
Voice load_voice(const std::string& path, const DecodeOptions& options = {});
Voice load_voice_bytes(std::string_view bytes, const std::string& name,
                       const DecodeOptions& options = {});

}  // namespace echo
