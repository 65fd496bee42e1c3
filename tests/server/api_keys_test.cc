#include "server/api_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "support/thrown_error.h"

namespace echo::server {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(ApiKeys, AreWhatStandsBetweenCommasAndBlanks) {
  EXPECT_THAT(parse_api_keys(""), IsEmpty());
  EXPECT_THAT(parse_api_keys("a"), ElementsAre("a"));
  EXPECT_THAT(parse_api_keys("a, b"), ElementsAre("a", "b"));
  EXPECT_THAT(parse_api_keys(" a ,\tb\r\n"), ElementsAre("a", "b"));
  EXPECT_THAT(parse_api_keys("a b,c"), ElementsAre("a b", "c"));
}

TEST(ApiKeys, AnEmptyOneIsAnErrorThatShowsNone) {
  for (const char* list : {",", " ", "\n", "canary,", ",canary", "canary,,canary", "canary, ,b",
                           "can\nary", "canary\x7f"}) {
    const Error error = error_of([&] { parse_api_keys(list); });
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument) << list;
    EXPECT_THAT(error.what(), AllOf(HasSubstr("ECHO_API_KEYS: key "), Not(HasSubstr("canary")),
                                    Not(HasSubstr("ary"))));
  }
}

TEST(AllowedHosts, AreNames) {
  EXPECT_THAT(parse_allowed_hosts(""), IsEmpty());
  EXPECT_THAT(parse_allowed_hosts(" "), IsEmpty());
  EXPECT_THAT(parse_allowed_hosts("a.example, .b.example ,*"),
              ElementsAre("a.example", ".b.example", "*"));
  for (const char* list : {",", "a,", "http://a.example", "a b", ".", "a\x1b[2J"}) {
    const Error error = error_of([&] { parse_allowed_hosts(list); });
    EXPECT_THAT(error.what(), AllOf(HasSubstr("ECHO_ALLOWED_HOSTS: found"), Not(HasSubstr("\x1b"))))
        << list;
  }
}

}  // namespace
}  // namespace echo::server
