// The one exception type of the program.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace echo {

// What a caller may do about an error; the text says the rest.
enum class ErrorCode {
  kInvalidArgument,  // the caller asked for something that cannot be: do not try again
  kNotFound,         // a named thing does not exist
  kUnavailable,      // a peer, a disk or a limit stands in the way: trying again may help
  kCorrupt,          // data from outside does not have the form it must have
  kCancelled,        // the caller gave up
  kInternal,         // a defect or a broken device: the process should not go on
};

// "invalid_input", "not_found", ... : stable, lower case, for logs and answers.
std::string_view error_kind(ErrorCode code);

// Text: what was tried, what was found, what was expected, in one line. It names files and fields,
// and never holds a secret or the user's text.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

// Short forms for `throw Error(...)`.
[[noreturn]] void throw_invalid(const std::string& message);
[[noreturn]] void throw_not_found(const std::string& message);
[[noreturn]] void throw_unavailable(const std::string& message);
[[noreturn]] void throw_corrupt(const std::string& message);
[[noreturn]] void throw_internal(const std::string& message);

}  // namespace echo
