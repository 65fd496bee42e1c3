// An error that says more than its code.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace echo {

// An Error with a stable word of its own, for where the code alone would say too little: "no_speech"
// is kUnavailable, and worth no second try with the same request.
class KindError : public Error {
 public:
  KindError(std::string_view kind, ErrorCode code, const std::string& message)
      : Error(code, message), kind_(kind) {}
  const std::string& kind() const { return kind_; }

 private:
  std::string kind_;
};

}  // namespace echo
