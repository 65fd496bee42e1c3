// What a speech job's input may hold, for programs.
#pragma once

#include "base/json.h"

namespace echo {

// Returns the JSON schema of a speech job's input, made from the table of parameters.
Json speech_input_schema();

}  // namespace echo
