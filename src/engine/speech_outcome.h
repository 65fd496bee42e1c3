// How a request ended, as one thread tells another.
#pragma once

#include <string>
#include <variant>

#include "base/error.h"
#include "engine/speech_request.h"

namespace echo {

// What ended a request: the parts of an Error, since two threads cannot well own one exception.
struct SpeechFailure {
  ErrorCode code;
  std::string message;
};
using SpeechOutcome = std::variant<SpeechResult, SpeechFailure>;

// From the exception that is being handled, whatever it is.
SpeechFailure current_failure();

// The result, or the failure thrown as an Error.
SpeechResult result_of(SpeechOutcome outcome);

}  // namespace echo
