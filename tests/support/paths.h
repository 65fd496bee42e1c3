#pragma once

#include <string>
#include <string_view>

namespace echo {

// Where things are that tests read or run, as absolute paths. `below` begins with "/" or is empty.
// They are compiled into one file alone, so that every other object is the same in every clone.
std::string source_path(std::string_view below = "");
std::string build_path(std::string_view below = "");
std::string golden_path(std::string_view below = "");

// The program, echo-tts.
std::string program_path();

}  // namespace echo
