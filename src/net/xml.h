// The little XML that object stores speak: flat texts inside named elements.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace echo {

// Prefixes of names ("s3:Rule") say nothing here: all elements are of one vocabulary.

// The text with no element's name having a prefix.
std::string xml_without_prefixes(std::string_view xml);

// The text of the first element of that name, entities decoded; nothing if there is none or it does
// not end.
std::optional<std::string> xml_text(std::string_view xml, std::string_view element);

// Every element of that name with its tags, as it stands there but for prefixes. Elements of the
// same name must not be nested.
std::vector<std::string> xml_elements(std::string_view xml, std::string_view element);

std::string xml_escape(std::string_view text);

}  // namespace echo
