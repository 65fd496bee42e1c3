// A text as people write it becomes one that can be read aloud.
#pragma once

#include <string>
#include <vector>

#include "text/draft.h"
#include "text/text_options.h"

namespace echo {

// Applies every rule that the options leave on, again until nothing changes: what it gives, given
// to it again, stays as it is. Leaves marks for paragraphs, lines, pauses and speakers in the
// draft, and adds sentences about what could not be read to `warnings`. Throws kInvalidArgument for
// pauses that are too long and for a text that would become much longer.
void run_front_end(Draft& draft, const TextOptions& options, std::vector<std::string>& warnings);

}  // namespace echo
