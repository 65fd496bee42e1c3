// What a checkpoint itself says of how it wants to be sampled.
#pragma once

#include <filesystem>

#include "engine/speech_parameters.h"

namespace echo {

// Its name, beside the transformer's file.
inline constexpr const char* kModelDefaultsFile = "defaults.json";

// The parameters of a request that asks for nothing: those of the profile, changed by
// `defaults.json` in `folder`, an object of parameters by name as jobs have it: {"num_steps": 20}.
// Without that file the profile's. Errors: kCorrupt when the file is not such an object, has a name
// or a value that the table does not allow, or more than 64 KiB; kUnavailable when it cannot be
// read.
SpeechParameters model_defaults(const std::filesystem::path& folder,
                                Profile profile = Profile::kPublished);

}  // namespace echo
