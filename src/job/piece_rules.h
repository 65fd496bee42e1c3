// The rules of the pieces of a streamed output.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/json.h"

namespace echo {

// Returns the text with which a piece ends its job: of an object with a truthy `error`; other types
// than text become JSON text. Nothing for every other piece.
std::optional<std::string> piece_error(const Json& piece);

// Throws kInvalidArgument when a piece of so many bytes is larger than `limit`.
void check_piece(std::size_t bytes, std::size_t limit);

}  // namespace echo
