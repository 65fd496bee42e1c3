// Members of JSON objects that need not be there.
#pragma once

#include <string_view>

#include "base/json.h"

namespace echo {

// Returns the member of that name; null when it is absent, or `object` is none.
inline const Json& member_or_null(const Json& object, std::string_view name) {
  static const Json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(name);
  return found == object.end() ? kNull : *found;
}

}  // namespace echo
