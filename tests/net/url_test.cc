#include "net/url.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace echo {
namespace {

TEST(Url, KeepsTheBytesOfPathAndQuery) {
  const Url url =
      parse_url("HTTP://API.Example.com:8080/v2/a%2Fb/../c?gpu=NVIDIA+RTX+A5000&x=%7e#top");
  EXPECT_EQ(url.scheme, "http");
  EXPECT_EQ(url.host, "api.example.com");
  EXPECT_EQ(url.port, 8080);
  EXPECT_EQ(url.target(), "/v2/a%2Fb/../c?gpu=NVIDIA+RTX+A5000&x=%7e");
  EXPECT_EQ(url.origin(), "http://api.example.com:8080");
}

TEST(Url, KnowsDefaultPortsAndEmptyPaths) {
  EXPECT_EQ(parse_url("https://h").text(), "https://h/");
  EXPECT_EQ(parse_url("https://h:443/x").authority(), "h");
  EXPECT_EQ(parse_url("http://h:443").authority(), "h:443");
  EXPECT_EQ(parse_url("http://h?").target(), "/?");
  EXPECT_EQ(parse_url("http://h?a=b").target(), "/?a=b");
  EXPECT_EQ(parse_url("http://[::1]:90/x").host, "[::1]");
  EXPECT_EQ(parse_url("http://[::1]:90/x").port, 90);
}

TEST(Url, RefusesWhatIsNotAnAddress) {
  for (const char* text :
       {"", "h", "/path", "ftp://h/", "http://", "http:///path", "http://h:0/", "http://h:70000/",
        "http://h:x/", "http://a b/", "http://h/a b", "http://h/\r\nX: y", "http://h/\xc3\xa9",
        "http://user:secret@h/", "http://h\\@evil/", "http://[::1/", "http://h%20/"}) {
    EXPECT_THROW(parse_url(text), Error) << text;
  }
}

TEST(Url, ErrorsNeverShowQueriesOrPasswords) {
  for (const char* text : {"http://h:x/a?key=canary", "http://me:canary@h/", "h?canary"}) {
    try {
      parse_url(text);
      FAIL() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      EXPECT_EQ(std::string(error.what()).find("canary"), std::string::npos) << error.what();
    }
  }
}

TEST(Url, ResolvesReferences) {
  const Url base = parse_url("https://hub.example/a/b/c?q=1");
  const std::pair<const char*, const char*> cases[] = {
      {"https://cdn.example/x?sig=a+b", "https://cdn.example/x?sig=a+b"},
      {"//cdn.example/x", "https://cdn.example/x"},
      {"/x/y", "https://hub.example/x/y"},
      {"/x/./y/../z", "https://hub.example/x/z"},
      {"d", "https://hub.example/a/b/d"},
      {"../d", "https://hub.example/a/d"},
      {"../../../../d", "https://hub.example/d"},
      {".", "https://hub.example/a/b/"},
      {"?q=2", "https://hub.example/a/b/c?q=2"},
      {"", "https://hub.example/a/b/c?q=1"},
      {"/m\xc3\xa4h x", "https://hub.example/m%C3%A4h%20x"},
      {"d:e/f", nullptr},
      {"javascript:alert(1)", nullptr},
  };
  for (const auto& [reference, expected] : cases) {
    if (expected) {
      EXPECT_EQ(resolve_url(base, reference).text(), expected) << reference;
    } else {
      EXPECT_THROW(resolve_url(base, reference), Error) << reference;
    }
  }
}

TEST(PercentEncoding, KeepsOnlyUnreservedBytes) {
  EXPECT_EQ(percent_encode("a-b.c_d~e f/+%\xc3\xbc"), "a-b.c_d~e%20f%2F%2B%25%C3%BC");
  EXPECT_EQ(percent_encode("a/b c", "/"), "a/b%20c");
}

TEST(PercentEncoding, IllegalBytesOnly) {
  EXPECT_EQ(percent_encode_illegal("job 1/\xc3\xa9,a+b%20"), "job%201/%C3%A9,a+b%20");
}

TEST(PercentEncoding, DecodesOnlyCompleteEscapes) {
  EXPECT_EQ(percent_decode("a%20b%2fc%2"), "a b/c%2");
  EXPECT_EQ(percent_decode("%zz%"), "%zz%");
  std::string every;
  for (int c = 0; c < 256; ++c) every += static_cast<char>(c);
  EXPECT_EQ(percent_decode(percent_encode(every)), every);
}

TEST(Url, DisplayLeavesOutTheQuery) {
  EXPECT_EQ(url_for_display("https://h/p?X-Amz-Signature=abc"), "https://h/p");
}

}  // namespace
}  // namespace echo
