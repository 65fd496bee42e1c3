// The inputs of recorded cases, checked: what a folder holds is not to be trusted.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/trajectory.h"
#include "models/echo_dit.h"
#include "parity/golden_set.h"

namespace echo::parity {

// All functions: kNotFound when a tensor is missing, kCorrupt when it, or a field, is not what it
// must be, naming it.

// Values that are finite numbers.
std::vector<float> finite_floats(const GoldenSet& set, const std::string& tensor);
// A (1, T, C) tensor in the backend as (T, C).
Tensor latent_of(const GoldenSet& set, const std::string& tensor, Backend& backend);
// A (1, C, T) tensor in the backend as (T, C).
Tensor turned_latent_of(const GoldenSet& set, const std::string& tensor, Backend& backend);
// The size of a tensor's axis.
int64_t axis(const GoldenSet& set, const std::string& tensor, size_t index);
// The number of true values at the start of a mask; kCorrupt when more follow after a false one.
int64_t valid_frames(const GoldenSet& set, const std::string& mask);
// Tokens, each a byte.
std::vector<int32_t> token_ids(const GoldenSet& set, const std::string& tensor);

// The parts between `prefix` and `suffix` of the file's tensors that have both: the recorded cases.
// Parts that are empty or hold a point are of other cases.
std::vector<std::string> cases_of(const GoldenSet& set, std::string_view file,
                                  std::string_view prefix, std::string_view suffix);

// An integer of a JSON object from lowest to highest.
int64_t integer_of(const nlohmann::json& object, const char* field, int64_t lowest,
                   int64_t highest);
// The same, `otherwise` when the field is missing or null.
int64_t integer_or(const nlohmann::json& object, const char* field, int64_t lowest, int64_t highest,
                   int64_t otherwise);

// The sampler's parameters; fields that are missing or null keep their defaults.
SamplerParameters sampler_parameters(const nlohmann::json& json);
// Lengths of blocks.
std::vector<int64_t> block_sizes(const nlohmann::json& json);
// The stored noise of a case, a tensor for each block; the source refers to the set.
NoiseSource recorded_noise(const GoldenSet& set, std::vector<std::string> tensors);
// prefix + "0", prefix + "1", ...
std::vector<std::string> numbered(const std::string& prefix, size_t count);

}  // namespace echo::parity
