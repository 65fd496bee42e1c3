// Forms with files, as browsers and clients upload them: multipart/form-data (RFC 7578).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace echo::http {

// One field of a form. `content` lies in the body that was read.
struct FormPart {
  std::string name;
  std::optional<std::string> filename;  // there is one: the content is a file's. As it came.
  std::string content_type;             // as the client labels it, empty: not at all
  std::string_view content;
};

inline constexpr std::size_t kMaxFormParts = 32;
inline constexpr std::size_t kLongestPartHead = 4096;  // bytes, of one part

// The boundary that a Content-Type of multipart/form-data names; nothing for another type. Throws
// kInvalidArgument where there is none, or it is none.
std::optional<std::string> form_boundary(std::string_view content_type);

// Reads a whole body. Throws kInvalidArgument for whatever is not exactly such a form: text before
// the first part or after the last, a part without a name, a coded or nested one, a head that is no
// head, too many or too long ones, a missing end. Takes no memory for contents, and time in
// proportion to the body.
std::vector<FormPart> parse_form(std::string_view body, std::string_view boundary);

}  // namespace echo::http
