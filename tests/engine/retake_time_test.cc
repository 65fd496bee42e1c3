// Whether there is time for another take.
#include "engine/retake_time.h"

#include <gtest/gtest.h>

namespace echo {
namespace {

TEST(RetakeTime, IsThereWhereNothingPresses) { EXPECT_TRUE(retake_in_time({.take_seconds = 100})); }

TEST(RetakeTime, EndsWithTheDeadline) {
  EXPECT_TRUE(retake_in_time({.take_seconds = 5, .seconds_left = 5.1}));
  EXPECT_FALSE(retake_in_time({.take_seconds = 5, .seconds_left = 4.9}));
  EXPECT_FALSE(retake_in_time({.take_seconds = 5, .seconds_left = -1}));
}

TEST(RetakeTime, IsWhatAListenerHasYetToHear) {
  EXPECT_TRUE(retake_in_time({.take_seconds = 5, .lead_seconds = 5.1}));
  EXPECT_FALSE(retake_in_time({.take_seconds = 5, .lead_seconds = 4.9}));
  EXPECT_FALSE(retake_in_time({.take_seconds = 5, .seconds_left = 1, .lead_seconds = 9}));
  // Slower than speech: nobody listens while it is made.
  EXPECT_TRUE(retake_in_time({.take_seconds = 5, .lead_seconds = 0}));
  EXPECT_TRUE(retake_in_time({.take_seconds = 5, .lead_seconds = -3}));
}

}  // namespace
}  // namespace echo
