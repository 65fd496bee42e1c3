#include "base/error.h"

#include <gtest/gtest.h>

namespace echo {
namespace {

TEST(Error, KeepsCodeAndText) {
  try {
    throw_not_found("voice anna.wav: no such file");
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    EXPECT_STREQ(error.what(), "voice anna.wav: no such file");
  }
}

TEST(Error, KindsAreStableWords) {
  EXPECT_EQ(error_kind(ErrorCode::kInvalidArgument), "invalid_input");
  EXPECT_EQ(error_kind(ErrorCode::kNotFound), "not_found");
  EXPECT_EQ(error_kind(ErrorCode::kUnavailable), "unavailable");
  EXPECT_EQ(error_kind(ErrorCode::kCorrupt), "corrupt");
  EXPECT_EQ(error_kind(ErrorCode::kCancelled), "cancelled");
  EXPECT_EQ(error_kind(ErrorCode::kInternal), "internal");
}

}  // namespace
}  // namespace echo
