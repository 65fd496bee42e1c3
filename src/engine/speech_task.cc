#include "engine/speech_task.h"

#include <new>

namespace echo {

std::exception_ptr SpeechTask::as_error(std::exception_ptr error) {
  try {
    std::rethrow_exception(error);
  } catch (const Error&) {
    return error;
  } catch (const std::bad_alloc&) {
    return std::make_exception_ptr(Error(ErrorCode::kUnavailable, "there is not enough memory"));
  } catch (const std::exception& other) {
    return std::make_exception_ptr(Error(ErrorCode::kInternal, other.what()));
  } catch (...) {
    return std::make_exception_ptr(Error(ErrorCode::kInternal, "an unknown exception"));
  }
}

}  // namespace echo
