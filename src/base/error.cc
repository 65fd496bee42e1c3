#include "base/error.h"

namespace echo {

std::string_view error_kind(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid_input";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "internal";
}

void throw_invalid(const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, message);
}
void throw_not_found(const std::string& message) { throw Error(ErrorCode::kNotFound, message); }
void throw_unavailable(const std::string& message) {
  throw Error(ErrorCode::kUnavailable, message);
}
void throw_corrupt(const std::string& message) { throw Error(ErrorCode::kCorrupt, message); }
void throw_internal(const std::string& message) { throw Error(ErrorCode::kInternal, message); }

}  // namespace echo
