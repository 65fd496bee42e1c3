// One parameter's value: read, checked, written. For the files of the parameters only.
#pragma once

#include <string>
#include <string_view>

#include "engine/parameter_table.h"

namespace echo {

// Reads a value as set_parameter() takes it, "null" excepted. Throws kInvalidArgument for one that
// is of another type.
void read_value(const Parameter& parameter, std::string_view text, SpeechParameters& parameters);

// Throws kInvalidArgument for a value out of its range.
void check_value(const Parameter& parameter, const SpeechParameters& parameters);

// Returns the value as JSON.
std::string value_text(const Parameter& parameter, const SpeechParameters& parameters);

// Sets the value to that of `from`.
void copy_value(const Parameter& parameter, const SpeechParameters& from, SpeechParameters& to);

// Returns a text from outside, fit for one line of a message.
std::string shown_value(std::string_view text);

}  // namespace echo
