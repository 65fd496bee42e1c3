#include "audio/join.h"

#include <gtest/gtest.h>
#include <algorithm>

#include <cmath>
#include <limits>
#include <random>

#include "audio/silence.h"

namespace echo {
namespace {

TEST(Silence, Peak) {
  EXPECT_EQ(find_peak({}), 0.0F);
  EXPECT_EQ(find_peak(Samples{0.25F, -0.75F, 0.5F}), 0.75F);
}

TEST(Silence, TrailingLooksNoFurtherThanAsked) {
  const Samples samples{0.5F, 0.009F, -0.009F, 0};
  EXPECT_EQ(count_trailing_silence(samples, 100), 3U);
  EXPECT_EQ(count_trailing_silence(samples, 2), 2U);
  EXPECT_EQ(count_trailing_silence(samples, 100, 0.005F), 1U);
  EXPECT_EQ(count_trailing_silence(Samples(5, 0.0F), 100), 5U);
  EXPECT_EQ(count_trailing_silence({}, 100), 0U);
  EXPECT_EQ(count_trailing_silence(Samples{0.01F}, 100), 0U) << "the threshold itself is sound";
}

TEST(Silence, FindsWhatIsNotANumber) {
  EXPECT_EQ(find_non_finite(Samples{1, 2}), 2U);
  EXPECT_EQ(find_non_finite(Samples{1, std::nanf(""), 2}), 1U);
  EXPECT_EQ(find_non_finite(Samples{-std::numeric_limits<float>::infinity()}), 0U);
}

TEST(Join, BothOffIsPlainConcatenation) {
  const std::vector<Samples> chunks = {{1, 2, 3, 4, 5}, {}, {6, 7, 8, 9, 10}};
  EXPECT_EQ(join_chunks(chunks, {false, false}), Samples({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
}

TEST(Join, CrossfadeKeepsAConstantConstant) {
  const std::vector<Samples> chunks(3, Samples(20000, 0.5F));
  const Samples joined = join_chunks(chunks, {false, true});
  EXPECT_EQ(joined.size(), 60000U - 2 * 4410U);
  for (const float x : joined) ASSERT_NEAR(x, 0.5F, 1e-7);
}

TEST(Join, PausesBetweenChunksGetOneLength) {
  Samples long_pause(60000, 0.3F);
  long_pause.resize(120000, 0.0F);
  const std::vector<Samples> chunks = {Samples(50000, 0.3F), long_pause, Samples(50000, 0.3F)};
  const Samples joined = join_chunks(chunks);
  // The second pause is looked at one second back, so half of that second goes.
  EXPECT_EQ(joined.size(), 50000 + 22050 - 4410 + (120000 - 22050) - 4410 + 50000U);
}

TEST(Join, TheLastChunkKeepsItsEnd) {
  Samples chunk(5000, 0.3F);
  chunk.resize(80000, 0.0F);
  EXPECT_EQ(join_chunks(std::vector<Samples>{chunk}), chunk);
}

TEST(Join, PieceByPieceIsTheSameRecording) {
  std::mt19937 random(3);
  for (int round = 0; round < 100; ++round) {
    const JoinOptions options{random() % 2 == 0, random() % 2 == 0, random() % 300, random() % 500};
    std::vector<Samples> chunks(random() % 7);
    for (Samples& chunk : chunks) {
      chunk.resize(random() % 5 == 0 ? random() % 6 : random() % 3000);
      for (float& x : chunk) x = static_cast<float>(random() % 2001) / 1000.0F - 1.0F;
      const size_t quiet = random() % (chunk.size() + 1);
      if (random() % 2 == 0) std::fill(chunk.end() - static_cast<ptrdiff_t>(quiet), chunk.end(), 0);
    }
    // The definition, written plainly: fade each chunk into all that is before it.
    Samples expected;
    for (size_t n = 0; n < chunks.size(); ++n) {
      Samples chunk = chunks[n];
      if (options.normalize_boundaries && n + 1 < chunks.size()) {
        const size_t quiet =
            count_trailing_silence(chunk, 2 * options.silence_samples, options.silence_threshold);
        chunk.resize(chunk.size() - quiet);
        chunk.resize(chunk.size() + options.silence_samples, 0.0F);
        // Within the threshold the end is not exactly zero: what is kept of it is kept as it is.
        const size_t kept = std::min(quiet, options.silence_samples);
        const size_t start = chunks[n].size() - quiet;
        std::copy_n(chunks[n].begin() + static_cast<ptrdiff_t>(start), kept,
                    chunk.begin() + static_cast<ptrdiff_t>(start));
      }
      size_t overlap = 0;
      if (n > 0 && (options.normalize_boundaries || options.enable_crossfade)) {
        overlap = std::min({options.crossfade_samples, chunk.size() / 4, expected.size() / 4});
      }
      const size_t at = expected.size() - overlap;
      expected.resize(at + chunk.size());
      for (size_t i = 0; i < chunk.size(); ++i) {
        if (i >= overlap) {
          expected[at + i] = chunk[i];
          continue;
        }
        const float in = overlap == 1 ? 0 : static_cast<float>(i) / static_cast<float>(overlap - 1);
        expected[at + i] = expected[at + i] * (1 - in) + chunk[i] * in;
      }
    }
    const Samples joined = join_chunks(chunks, options);
    ASSERT_EQ(joined.size(), expected.size()) << "round " << round;
    for (size_t i = 0; i < joined.size(); ++i) {
      ASSERT_NEAR(joined[i], expected[i], 1e-6) << "round " << round << ", sample " << i;
    }
  }
}

TEST(Join, PiecesOfChunksGiveTheSameRecording) {
  std::mt19937 random(4);
  for (int round = 0; round < 300; ++round) {
    const JoinOptions options{random() % 2 == 0, random() % 2 == 0, random() % 300, random() % 500};
    std::vector<Samples> chunks(1 + random() % 5);
    ChunkJoiner joiner(options);
    Samples joined;
    const auto add = [&](const Samples& samples) {
      joined.insert(joined.end(), samples.begin(), samples.end());
    };
    for (size_t n = 0; n < chunks.size(); ++n) {
      const bool last = n + 1 == chunks.size();
      Samples& chunk = chunks[n];
      chunk.resize(random() % 5 == 0 ? random() % 6 : random() % 3000);
      for (float& x : chunk) x = static_cast<float>(random() % 2001) / 1000.0F - 1.0F;
      const size_t quiet = random() % (chunk.size() + 1);
      if (random() % 2 == 0) std::fill(chunk.end() - static_cast<ptrdiff_t>(quiet), chunk.end(), 0);
      size_t at = 0;
      while (random() % 4 != 0) {
        const size_t count = random() % (chunk.size() - at + 1);
        const auto begin = chunk.begin() + static_cast<ptrdiff_t>(at);
        add(joiner.push_piece(Samples(begin, begin + static_cast<ptrdiff_t>(count)), last));
        at += count;
      }
      add(joiner.push(Samples(chunk.begin() + static_cast<ptrdiff_t>(at), chunk.end()), last));
    }
    ASSERT_EQ(joined, join_chunks(chunks, options)) << "round " << round;
  }
}

TEST(Join, GivesPiecesOutAsSoonAsTheyAreFinal) {
  ChunkJoiner joiner;
  const Samples piece(100000, 0.3F);
  EXPECT_EQ(joiner.push_piece(piece, false).size(), 100000 - 2 * 22050 - 4410U)
      << "the end may become the pause, and what is before it the overlap";
  EXPECT_EQ(joiner.push(piece, false).size(), 100000 + 2 * 22050 + 22050U);
  EXPECT_EQ(joiner.push_piece(Samples(4 * 4410 - 1, 0.3F), true).size(), 0U)
      << "a chunk so short would fade over less";
  EXPECT_EQ(joiner.push_piece(Samples(1, 0.3F), true).size(), 4 * 4410U);
  EXPECT_EQ(joiner.push_piece(piece, true).size(), 100000U) << "the last chunk has no pause";
}

TEST(Join, GivesSamplesOutAsSoonAsTheyAreFinal) {
  ChunkJoiner joiner;
  const Samples first = joiner.push(Samples(100000, 0.3F), false);
  EXPECT_EQ(first.size(), 100000 + 22050 - 4410U) << "only the overlap is held back";
  EXPECT_EQ(joiner.push(Samples(100000, 0.3F), true).size(), 100000U);
}

}  // namespace
}  // namespace echo
