#include "engine/speech_failure.h"

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

}  // namespace echo
