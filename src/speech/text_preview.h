// What would be spoken, shown without speaking it.
#pragma once

#include <string>

#include "base/json.h"
#include "text/planned_text.h"

namespace echo {

// {"text", "estimated_seconds", "leading_pause_seconds", "chunks": [{"text", "model_text",
// "speaker", "characters", "bytes", "estimated_seconds", "end", "join_seconds", "pause_seconds",
// "source"}...], "changes": [{"from", "to", "rule", "begin", "end"}...], "warnings"}: `source`,
// `begin` and `end` are bytes of the text that was given.
Json preview_json(const PlannedText& plan);

// The same for people: a line for each chunk, one for each change, one for each warning.
std::string preview_text(const PlannedText& plan);

}  // namespace echo
