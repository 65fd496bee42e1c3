// The parameters of a request by name: one table for the command line, the JSON of a job, their
// help and their documentation.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/sampler_parameters.h"

namespace echo {

// The sampler's parameters, and how a long text is cut and its audio joined.
struct SpeechParameters : SamplerParameters {
  int64_t max_chars_per_chunk = 300;  // 0: the text is spoken as one
  double target_duration_seconds = 10;
  bool normalize_boundaries = true;
  bool enable_crossfade = true;
};

enum class ParameterType { kInteger, kNumber, kBoolean, kIntegerList };

struct ParameterInfo {
  std::string_view name;
  ParameterType type;
  std::string_view default_text;  // as JSON: "40", "true", "null" where absence means something
  double minimum, maximum;        // of numbers, and of a list's elements; the ends belong to it
  std::string_view help;
};

// Every parameter, in the order in which help shows them.
std::span<const ParameterInfo> parameter_table();

// "an integer from 1 to 1000", "true or false", ...
std::string expected_value(const ParameterInfo& info);

// Sets a parameter from its JSON text or from what a numeric string holds: "40", "0.8", "1e-1",
// "true", "[16, 24, 8]" or "16,24,8"; "null" gives the default back. Integers may be written with a
// point (40.0). False when there is no such parameter. Throws kInvalidArgument, naming the
// parameter, the value and the range, for a value that is none or lies outside.
bool set_parameter(SpeechParameters& parameters, std::string_view name, std::string_view text);

// The parameter's value as JSON text. Throws kInvalidArgument for an unknown name.
std::string parameter_text(const SpeechParameters& parameters, std::string_view name);

// Checks every value, and those that depend on each other. Throws kInvalidArgument, naming field,
// value and range.
void validate(const SpeechParameters& parameters);

// What was set and has no effect, in sentences for the caller; parameters must be valid.
std::vector<std::string> parameter_warnings(const SpeechParameters& parameters);

}  // namespace echo
