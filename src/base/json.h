// JSON from outside, and JSON for others.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace echo {

using Json = nlohmann::json;

// Deepest nesting of arrays and objects that parse_json() takes.
inline constexpr std::size_t kMaxJsonDepth = 256;

// Returns the document that `text` holds. Escapes of lone surrogates, which JSON parsers disagree
// about, become U+FFFD. Throws kCorrupt when the text is not JSON, is nested deeper than
// kMaxJsonDepth or holds more than `most_values` values (0: no limit): a document takes up to a
// hundred times the room of its text. The error holds no part of the text.
Json parse_json(std::string_view text, std::size_t most_values = 0);

// Returns about how many bytes the document takes in memory.
std::size_t held_bytes(const Json& value);

// Returns `value` as one JSON document in UTF-8: invalid bytes become U+FFFD, numbers that are not
// finite become null.
std::string dump_json(const Json& value);

// Returns whether `value` counts as true where a handler of the platform's own SDK tests one.
bool truthy(const Json& value);

}  // namespace echo
