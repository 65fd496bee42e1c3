// How a request failed, as one thread tells another.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace echo {

// The kind of the error of a text of which the model made no sound at all.
inline constexpr std::string_view kNoSpeech = "no_speech";

// What ended a request: the parts of an Error, since two threads cannot well own one exception.
struct SpeechFailure {
  ErrorCode code;
  std::string message;
  std::string kind = {};  // of a KindError; else empty

  [[noreturn]] void rethrow() const;
};

// Returns the failure that the exception being handled stands for, whatever it is.
SpeechFailure current_failure();

}  // namespace echo
