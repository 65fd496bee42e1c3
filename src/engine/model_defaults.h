// What a checkpoint itself says of how it wants to be sampled.
#pragma once

#include <string_view>

#include "checkpoint/model_files.h"
#include "engine/speech_parameters.h"

namespace echo {

// Its name, beside the transformer's file; in a packed file the name of its text in the metadata.
inline constexpr std::string_view kModelDefaultsFile = "defaults.json";

// The text of a model's defaults: an object of parameters by name as jobs have it,
// {"num_steps": 20}. Empty where it has none. Errors: kCorrupt for more than 64 KiB; kUnavailable
// when it cannot be read; as SafetensorsFile::open for a packed file.
std::string model_defaults_text(const ModelFiles& files);

// The parameters of a request that asks for nothing: those of the profile, changed by the model's
// defaults. Errors: as model_defaults_text; kCorrupt when they are no object, or have a name or a
// value that the table does not allow.
SpeechParameters model_defaults(const ModelFiles& files, Profile profile = Profile::kPublished);

}  // namespace echo
