// What an operation throws, for tests of errors.
#pragma once

#include <gtest/gtest.h>

#include <utility>

#include "base/error.h"

namespace echo {

// Fails the test when `operation` throws nothing.
template <class Operation>
Error error_of(Operation&& operation) {
  try {
    std::forward<Operation>(operation)();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return Error(ErrorCode::kInternal, "");
}

}  // namespace echo
