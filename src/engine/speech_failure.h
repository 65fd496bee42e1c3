// How a request failed, as one thread tells another.
#pragma once

#include <string>

#include "base/error.h"

namespace echo {

// What ended a request: the parts of an Error, since two threads cannot well own one exception.
struct SpeechFailure {
  ErrorCode code;
  std::string message;
};

// Returns the failure that the exception being handled stands for, whatever it is.
SpeechFailure current_failure();

}  // namespace echo
