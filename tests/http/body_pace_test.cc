#include "http/body_pace.h"

#include <gtest/gtest.h>

namespace echo::http {
namespace {

using namespace std::chrono_literals;

constexpr BodyPace::Time kBegun{};
constexpr BodyPaceLimits kLimits{.patience = 60s, .least_rate = 8 << 10};

TEST(BodyPace, ABodyThatDoesNotComeIsGivenUpAfterItsPatience) {
  EXPECT_EQ(BodyPace(kLimits, kBegun).deadline(), kBegun + 60s);
}

TEST(BodyPace, ABodyThatStopsIsGivenUpHoweverMuchCameBefore) {
  BodyPace pace(kLimits, kBegun);
  pace.take(10 << 20, kBegun + 2s);
  EXPECT_EQ(pace.deadline(), kBegun + 62s);
}

TEST(BodyPace, ALongBodyOnASlowLineIsTaken) {
  // 10 MiB at 128 kbit/s, in packets: eleven minutes.
  BodyPace pace(kLimits, kBegun);
  BodyPace::Time now = kBegun;
  for (int64_t taken = 0; taken < 10 << 20; taken += 1600) {
    now += 100ms;
    ASSERT_LT(now, pace.deadline()) << taken;
    pace.take(1600, now);
  }
  EXPECT_GT(now, kBegun + 10min);
}

TEST(BodyPace, ABodyThatDripsIsGivenUp) {
  // A byte every second keeps a place for little more than the first patience.
  BodyPace pace(kLimits, kBegun);
  BodyPace::Time now = kBegun;
  while (now < pace.deadline()) {
    now += 1s;
    pace.take(1, now);
  }
  EXPECT_GE(now, kBegun + 60s);
  EXPECT_LE(now, kBegun + 62s);
}

TEST(BodyPace, WhatCameFastMayBeFollowedByAPause) {
  BodyPace pace(kLimits, kBegun);
  pace.take(1 << 20, kBegun + 100s);
  EXPECT_EQ(pace.deadline(), kBegun + 160s);
}

}  // namespace
}  // namespace echo::http
