#include "engine/speech_failure.h"

#include <new>

#include "base/kind_error.h"

namespace echo {

void SpeechFailure::rethrow() const {
  if (!kind.empty()) throw KindError(kind, code, message);
  throw Error(code, message);
}

SpeechFailure current_failure() {
  try {
    throw;
  } catch (const KindError& error) {
    return {error.code(), error.what(), error.kind()};
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
