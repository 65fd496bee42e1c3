// Comparisons of what conditions the diffusion transformer: text, voice, latent prefix, time.
#pragma once

#include <string>

#include "models/echo_dit.h"
#include "parity/comparison.h"

namespace echo::parity {

// The sizes that are read off the tensors' shapes, against a recorded configuration.
void check_sizes(const nlohmann::json& config, const Weights& checkpoint, Report& report);

// The encoders' states, keys and values ("tiny").
void check_conditioning(const Comparison& run, const EchoDit& dit);
// The timestep's embedding and what is made of it ("tiny").
void check_timestep(const Comparison& run, const EchoDit& dit);

// A recorded speaker, prefix + "latent" and prefix + "mask": the keys and values of its valid
// frames. Null when none is valid, which is no voice.
std::shared_ptr<const KeyValueCache> speaker_cache(const GoldenSet& set, const std::string& prefix,
                                                   const EchoDit& dit);

}  // namespace echo::parity
