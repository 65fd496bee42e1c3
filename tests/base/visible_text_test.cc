#include "base/visible_text.h"

#include <gtest/gtest.h>

#include <utility>

namespace echo {
namespace {

TEST(VisibleText, NothingIsLeftThatATerminalObeys) {
  using namespace std::string_view_literals;
  const std::pair<std::string_view, const char*> cases[] = {
      {"anna.wav", "anna.wav"},
      {"J\xC3\xBCrgen \xE2\x82\xAC \xF0\x9F\x98\x80",
       "J\xC3\xBCrgen \xE2\x82\xAC \xF0\x9F\x98\x80"},
      {"\x1b[2J\x1b]0;title\x07", "\\u001b[2J\\u001b]0;title\\u0007"},
      {"two\nlines\r\tand a tab", "two\\nlines\\r\\tand a tab"},
      {"a\0b\x7f"sv, "a\\u0000b\\u007f"},
      {"\xC2\x9B"
       "31m",
       "\\u009b31m"},  // the one-byte form of ESC [
      {"\xE2\x80\xAE"
       "vaw.exe",
       "\\u202evaw.exe"},  // written backwards
      {"a\xE2\x80\xA8"
       "b\xE2\x80\xA9",
       "a\\u2028b\\u2029"},  // lines and paragraphs
      {"\xE2\x81\xA6x\xE2\x81\xA9", "\\u2066x\\u2069"},
      {"bad \xFF\xC3", "bad \xEF\xBF\xBD\xEF\xBF\xBD"},
      {"", ""},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(visible_text(text), expected);
}

}  // namespace
}  // namespace echo
