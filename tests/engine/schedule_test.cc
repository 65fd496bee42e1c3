#include "engine/schedule.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace echo {
namespace {

TEST(Schedule, FallsFromAlmostOneToZero) {
  for (const int64_t steps : {1, 2, 7, 40, 999, 1000}) {
    const std::vector<float> times = time_schedule(steps);
    ASSERT_EQ(times.size(), static_cast<size_t>(steps + 1));
    EXPECT_EQ(times.front(), 0.999f);
    EXPECT_EQ(times.back(), 0.0f);
    for (int64_t i = 0; i < steps; ++i) EXPECT_GT(times[i], times[i + 1]);
  }
}

TEST(Schedule, OfNoStepsIsADefect) { EXPECT_THROW(time_schedule(0), Error); }

TEST(Schedule, GuidanceWindowHoldsItsEnds) {
  SamplerParameters parameters;
  EXPECT_TRUE(is_guided(0.999f, parameters));
  EXPECT_TRUE(is_guided(0.5f, parameters));
  EXPECT_FALSE(is_guided(0.4999f, parameters));
  parameters.cfg_min_t = 0.4995;  // in float32 the middle of ten steps
  parameters.cfg_max_t = 0.999;
  EXPECT_TRUE(is_guided(time_schedule(10)[0], parameters));
  EXPECT_TRUE(is_guided(time_schedule(10)[5], parameters));
  EXPECT_FALSE(is_guided(time_schedule(10)[6], parameters));
  parameters.cfg_min_t = parameters.cfg_max_t = 1;
  EXPECT_FALSE(is_guided(0.999f, parameters));
}

TEST(Schedule, SpeakerScaleEndsWhereItsLimitIsCrossed) {
  SamplerParameters parameters;
  parameters.speaker_kv_scale = 1.5;
  EXPECT_FALSE(ends_speaker_scale(0.9f, 0.8f, parameters));
  parameters.speaker_kv_min_t = 0.85;
  EXPECT_TRUE(ends_speaker_scale(0.9f, 0.8f, parameters));
  EXPECT_FALSE(ends_speaker_scale(0.8f, 0.7f, parameters));
  EXPECT_FALSE(ends_speaker_scale(0.95f, 0.9f, parameters));
  EXPECT_TRUE(ends_speaker_scale(0.85f, 0.8f, parameters));
  EXPECT_FALSE(ends_speaker_scale(0.9f, 0.85f, parameters));
  parameters.speaker_kv_min_t = 0;
  EXPECT_FALSE(ends_speaker_scale(0.1f, 0.0f, parameters));
  parameters.speaker_kv_scale.reset();
  parameters.speaker_kv_min_t = 0.85;
  EXPECT_FALSE(ends_speaker_scale(0.9f, 0.8f, parameters));
}

}  // namespace
}  // namespace echo
