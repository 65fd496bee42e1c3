#include "base/retry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "support/fake_clock.h"

namespace echo {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

TEST(Backoff, GrowsToTheCap) {
  FakeClock clock;
  Backoff backoff({.max_attempts = 6, .first_delay = 100ms, .max_delay = 500ms, .jitter = 0},
                  clock);
  while (backoff.wait()) {
  }
  EXPECT_THAT(clock.sleeps(), testing::ElementsAre(100ms, 200ms, 400ms, 500ms, 500ms));
  EXPECT_EQ(backoff.failures(), 6);
}

TEST(Backoff, JitterOnlyShortensAndDiffersBySeed) {
  FakeClock clock;
  const RetryPolicy policy{
      .max_attempts = 0, .first_delay = 1000ms, .max_delay = 1000ms, .jitter = 0.5};
  Backoff one(policy, clock, 1), two(policy, clock, 2);
  bool differ = false;
  for (int i = 0; i < 50; ++i) {
    const auto a = one.next_delay().value(), b = two.next_delay().value();
    EXPECT_GE(a, 500ms);
    EXPECT_LE(a, 1000ms);
    differ |= a != b;
  }
  EXPECT_TRUE(differ);
}

TEST(Backoff, EndsWithTheTotalTime) {
  FakeClock clock;
  Backoff backoff(
      {.max_attempts = 0, .first_delay = 100ms, .max_delay = 100ms, .jitter = 0, .total = 350ms},
      clock);
  EXPECT_EQ(backoff.time_left(), 350ms);
  while (backoff.wait()) {
  }
  EXPECT_EQ(clock.sleeps().size(), 3u);
  EXPECT_EQ(backoff.time_left(), 50ms);
}

TEST(Backoff, WaitsAsLongAsThePeerAsks) {
  FakeClock clock;
  Backoff backoff({.max_attempts = 3, .jitter = 0, .total = 10s}, clock);
  EXPECT_EQ(backoff.next_delay(5s), milliseconds(5s));
  EXPECT_EQ(backoff.next_delay(11s), std::nullopt);
}

TEST(Backoff, ResetBeginsAnew) {
  FakeClock clock;
  Backoff backoff({.max_attempts = 0, .first_delay = 100ms, .jitter = 0}, clock);
  backoff.next_delay();
  backoff.next_delay();
  backoff.reset();
  EXPECT_EQ(backoff.next_delay(), 100ms);
}

TEST(RealClock, SleepEndsWhenStopIsRequested) {
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_FALSE(real_clock().sleep_for(60s, stop.get_token()));
  EXPECT_TRUE(real_clock().sleep_for(1ms));
}

}  // namespace
}  // namespace echo
