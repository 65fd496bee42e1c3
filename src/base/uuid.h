// Random identifiers.
#pragma once

#include <string>

namespace echo {

// A random UUID, version 4, lower case: "f47ac10b-58cc-4372-a567-0e02b2c3d479" (RFC 4122).
std::string random_uuid();

}  // namespace echo
