#include "engine/speech_outcome.h"

#include <new>

namespace echo {

SpeechFailure current_failure() {
  try {
    throw;
  } catch (const Error& error) {
    return {error.code(), error.what()};
  } catch (const std::bad_alloc&) {
    return {ErrorCode::kUnavailable, "there is not enough memory"};
  } catch (const std::exception& error) {
    return {ErrorCode::kInternal, error.what()};
  } catch (...) {
    return {ErrorCode::kInternal, "an unknown exception"};
  }
}

SpeechResult result_of(SpeechOutcome outcome) {
  if (const auto* failure = std::get_if<SpeechFailure>(&outcome)) {
    throw Error(failure->code, failure->message);
  }
  return std::get<SpeechResult>(std::move(outcome));
}

}  // namespace echo
