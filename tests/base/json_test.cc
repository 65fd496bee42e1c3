#include "base/json.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace echo {
namespace {

TEST(Json, ErrorsQuoteNothing) {
  try {
    parse_json("{\"secret-canary\" 1}");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
    EXPECT_EQ(std::string(error.what()).find("canary"), std::string::npos);
  }
}

}  // namespace
}  // namespace echo
