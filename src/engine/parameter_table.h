// Every parameter with the member that holds it. For the files of the parameters only; others look
// at engine/speech_parameters.h.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/speech_parameters.h"

namespace echo {

// A number of frames of which 0 means that the text decides.
struct AutoFrames {
  int64_t* frames;
};
// Steps of all blocks alike, or of each.
struct Steps {
  int64_t* all;
  std::vector<int64_t>* each;
};
using Field = std::variant<int64_t*, uint64_t*, double*, bool*, std::optional<int64_t>*,
                           std::optional<double>*, std::vector<int64_t>*, AutoFrames, Steps,
                           Profile*, Continuity*, NumberStyle*, ParenthesesStyle*, EmojiStyle*,
                           CodeStyle*, DateOrder*, std::vector<std::string>*, Solver*>;
struct Parameter {
  ParameterInfo info;
  Field (*field)(SpeechParameters&);
};

std::span<const Parameter> parameters_in_order();

// Returns nothing when there is none of this name.
const Parameter* find_parameter(std::string_view name);

// Returns the words of ParameterInfo::choices.
std::vector<std::string_view> choices_of(const ParameterInfo& info);

// Returns the shortest text that reads as this number.
std::string number_text(double value);

}  // namespace echo
