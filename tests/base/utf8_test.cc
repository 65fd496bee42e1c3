#include "base/utf8.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace echo {
namespace {

struct Malformed {
  const char* name;
  std::string bytes;
  size_t offset;
};

TEST(Utf8, NamesTheFirstBadByte) {
  const Malformed cases[] = {
      {"lone continuation", "ab\x80", 2},
      {"cut two-byte", "a\xC3", 1},
      {"cut three-byte", "\xE6\x97", 0},
      {"cut four-byte", "ok\xF0\x9F\x99", 2},
      {"two-byte with plain second", "\xC3(", 0},
      {"overlong slash, two bytes", "\xC0\xAF", 0},
      {"overlong slash, three bytes", "\xE0\x80\xAF", 0},
      {"overlong slash, four bytes", "\xF0\x80\x80\xAF", 0},
      {"overlong NUL", "x\xC0\x80", 1},
      {"low surrogate bound", "\xED\xA0\x80", 0},
      {"high surrogate bound", "\xED\xBF\xBF", 0},
      {"above U+10FFFF", "\xF4\x90\x80\x80", 0},
      {"five-byte lead", "\xF8\x88\x80\x80\x80", 0},
      {"byte order mark of UTF-16", "\xFF\xFE", 0},
  };
  for (const Malformed& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(find_invalid_utf8(c.bytes), c.offset);
    try {
      decode_utf8(c.bytes);
      ADD_FAILURE() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      EXPECT_NE(std::string(error.what()).find("byte " + std::to_string(c.offset)),
                std::string::npos);
    }
  }
}

TEST(Utf8, EveryScalarValueSurvivesARoundTrip) {
  std::u32string all;
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c < 0xD800 || c > 0xDFFF) all.push_back(c);
  }
  const std::string bytes = encode_utf8(all);
  EXPECT_FALSE(find_invalid_utf8(bytes).has_value());
  EXPECT_EQ(count_code_points(bytes), all.size());
  EXPECT_TRUE(decode_utf8(bytes) == all);
}

TEST(Utf8, CountsCodePointsNotBytes) {
  EXPECT_EQ(count_code_points(""), 0U);
  EXPECT_EQ(count_code_points("abc"), 3U);
  EXPECT_EQ(count_code_points("na\u00EFve \U0001F642"), 7U);
}

TEST(Utf8, WhiteSpaceIsWhatPythonCallsSo) {
  // The complete list of str.isspace().
  const std::u32string expected =
      U"\t\n\v\f\r\u001C\u001D\u001E\u001F \u0085\u00A0\u1680\u2000\u2001\u2002\u2003\u2004\u2005"
      U"\u2006\u2007\u2008\u2009\u200A\u2028\u2029\u202F\u205F\u3000";
  std::u32string found;
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (is_white_space(c)) found.push_back(c);
  }
  EXPECT_TRUE(found == expected);
}

}  // namespace
}  // namespace echo
