// Comparisons of the codec.
#pragma once

#include "models/codec.h"
#include "parity/comparison.h"

namespace echo::parity {

// Every stage of every recorded encoding. Codes must be equal wherever the nearest code won by more
// than 1e-4. In bfloat16 only what comes before the codebooks, where nearly equal codes change
// places.
void check_encoding(const Comparison& run, const Codec& codec);
// Every stage of every recorded decoding, from latents and from z_q.
void check_decoding(const Comparison& run, const Codec& codec);

}  // namespace echo::parity
