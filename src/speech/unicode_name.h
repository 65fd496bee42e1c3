// Names of files that are equal to a reader and differ in bytes.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace echo {

// The composed form (NFC) of a text: one character for a letter with its accent, where there is
// one. What is not UTF-8 comes back as it is.
std::string composed(std::string_view text);

// A text as it is compared where case means nothing: composed, each letter in its folded case.
std::string folded(std::string_view text);

// A name that a stored voice may have, in composed form, blanks at its ends cut off: 1 to 64
// letters (with their marks) and digits of any script, spaces, '_', '.' and '-', no dot in front.
// Throws kInvalidArgument, saying what was found.
std::string checked_voice_name(std::string_view name);

// The path below `folder` that is there under an equal name: files copied from a Mac have names in
// decomposed form, which no keyboard gives. Each part is looked for as it is, then in composed form
// among what its folder holds. Nothing where there is none, or the name is of ASCII alone, which is
// equal to itself only.
std::optional<std::string> find_equal_name(const std::filesystem::path& folder,
                                           const std::string& name);

}  // namespace echo
