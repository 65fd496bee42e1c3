#include "speech/job_failure.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <typeinfo>

#include "speech/public_text.h"

namespace echo {
namespace {

std::string_view kind_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return job_kind::kInvalidInput;
    case ErrorCode::kUnavailable:
      return job_kind::kUnavailable;
    case ErrorCode::kCancelled:
      return job_kind::kCancelled;
    // Whoever asked for the thing that is missing or damaged has said so with a JobError; what
    // remains are our own files.
    case ErrorCode::kNotFound:
    case ErrorCode::kCorrupt:
    case ErrorCode::kInternal:
      break;
  }
  return job_kind::kInternal;
}

std::string type_name(const std::exception& error) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(
      abi::__cxa_demangle(typeid(error).name(), nullptr, nullptr, &status), std::free);
  return name ? name.get() : "exception";
}

}  // namespace

JobFailure failure_of(const std::exception_ptr& exception, std::span<const std::string> secrets) {
  try {
    std::rethrow_exception(exception);
  } catch (const JobError& error) {
    return {error.kind(), public_text(error.what(), secrets),
            error.code() == ErrorCode::kInternal && error.kind() == job_kind::kInternal, nullptr};
  } catch (const Error& error) {
    return {std::string(kind_of(error.code())), public_text(error.what(), secrets),
            error.code() == ErrorCode::kInternal, nullptr};
  } catch (const std::bad_alloc&) {
    return {std::string(job_kind::kInternal), "out of memory", true, nullptr};
  } catch (const std::exception& error) {
    return {std::string(job_kind::kInternal), "unexpected " + type_name(error), true, nullptr};
  } catch (...) {
    return {std::string(job_kind::kInternal), "unexpected exception", true, nullptr};
  }
}

}  // namespace echo
