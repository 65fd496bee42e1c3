// The names of all variables that the program reads. `echo-tts options --variables` prints them, and
// tests compare the documents, compose.yaml and the hub's files with that.
#pragma once

#include <span>
#include <string_view>

namespace echo::apps {

// Sorted.
std::span<const std::string_view> variable_names();

// Returns whether the name is one of them.
bool is_variable(std::string_view name);

}  // namespace echo::apps
