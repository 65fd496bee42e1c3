#pragma once

#include <optional>
#include <string>

namespace echo {

// The Python that has the clients of tests/python/requirements.txt: an absolute path, or nothing
// where scripts/test-clients could not install them.
std::optional<std::string> client_python();

// Why a test that needs it is skipped.
inline constexpr char kNoClientPython[] =
    "no Python clients: scripts/test-clients could not reach Python's package index";

}  // namespace echo
