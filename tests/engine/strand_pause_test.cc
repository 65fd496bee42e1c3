// Pauses in a strand, at both sides of each limit.
#include "engine/strand_pause.h"

#include <gtest/gtest.h>

namespace echo {
namespace {

constexpr double kFrame = 2048.0 / 44100;

int64_t left_out(double tail, double lead, ChunkEnd end) {
  return frames_to_leave_out(tail, lead, end, kFrame);
}

TEST(StrandPause, IsShortenedBeyondItsLimit) {
  const struct {
    ChunkEnd end;
    double longest;
  } limits[] = {{ChunkEnd::kParagraph, 2},
                {ChunkEnd::kSentence, 1.2},
                {ChunkEnd::kClause, 0.6},
                {ChunkEnd::kWord, 0.6}};
  for (const auto& [end, longest] : limits) {
    EXPECT_EQ(left_out(0.1, longest - 0.11, end), 0);
    const double lead = longest - 0.05;
    const int64_t count = left_out(0.1, lead, end);
    ASSERT_GT(count, 0);
    const double rest = 0.1 + lead - static_cast<double>(count) * kFrame;
    EXPECT_NEAR(rest, 0.75 * longest, kFrame) << "three quarters of the limit stay";
  }
}

TEST(StrandPause, KeepsFourFramesOfItsOwnSilence) {
  // Most of the pause lies in the chunk before, which has been given out.
  EXPECT_EQ(left_out(1.15, 4.5 * kFrame, ChunkEnd::kSentence), 0);
  EXPECT_EQ(left_out(1.15, 6.5 * kFrame, ChunkEnd::kSentence), 2);
}

TEST(StrandPause, IsLengthenedBetweenSentencesAlone) {
  EXPECT_EQ(pause_to_add(0.081, ChunkEnd::kSentence), 0);
  EXPECT_NEAR(pause_to_add(0.079, ChunkEnd::kSentence), 0.071, 1e-9);
  EXPECT_NEAR(pause_to_add(0, ChunkEnd::kParagraph), 0.15, 1e-9);
  EXPECT_EQ(pause_to_add(0, ChunkEnd::kClause), 0);
  EXPECT_EQ(pause_to_add(0, ChunkEnd::kWord), 0);
}

}  // namespace
}  // namespace echo
