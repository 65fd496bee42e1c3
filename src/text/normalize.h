// Text as the model was trained to read it.
#pragma once

#include <string>
#include <string_view>

namespace echo {

// Replaces the punctuation that the training transcripts do not have (… ’ ” newline : ; —) and puts
// the tag "[S1] " in front, unless the text begins with [ or ( or names S1 or S2 anywhere. Bytes
// that are not well-formed UTF-8 pass unchanged. Opening quotes “ ‘ stay: the model's own pipeline
// leaves them.
std::string normalize_text(std::string_view text);

}  // namespace echo
