// Pauses from speech to speech, and the ends of a recording.
#include "audio/natural_join.h"
#include "audio/voice.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace echo {
namespace {

constexpr size_t kHop = 441;

// Hops of speech and of a room in which nobody speaks, in a row.
class Sound {
 public:
  Sound& speech(int hops) {
    for (size_t i = 0; i < kHop * hops; ++i) {
      samples_.push_back(0.3F * std::sin(0.05F * static_cast<float>(samples_.size())));
    }
    return *this;
  }
  Sound& room(int hops) {
    std::normal_distribution<float> noise(0, 5e-4F);
    for (size_t i = 0; i < kHop * hops; ++i) samples_.push_back(noise(random_));
    return *this;
  }
  const Samples& samples() const { return samples_; }

 private:
  std::mt19937 random_{7};
  Samples samples_;
};

struct Joined {
  Samples samples;
  std::vector<NaturalJoiner::Place> places;

  double gap(size_t i) const {
    return static_cast<double>(places[i + 1].begin - places[i].end) / kModelRate;
  }
};

struct Chunk {
  Samples samples;
  ChunkBoundary boundary;
};

// Chunks in pieces of at most `most` samples; 0: whole.
Joined joined(const std::vector<Chunk>& chunks, const NaturalJoinOptions& options = {},
              size_t most = 0) {
  NaturalJoiner joiner(options);
  Joined result;
  std::mt19937 random(3);
  const auto take = [&](const Samples& ready) {
    result.samples.insert(result.samples.end(), ready.begin(), ready.end());
  };
  for (size_t i = 0; i < chunks.size(); ++i) {
    std::span<const float> rest = chunks[i].samples;
    while (!rest.empty()) {
      const size_t count = most == 0 ? rest.size() : std::min(rest.size(), 1 + random() % most);
      take(joiner.push(rest.first(count)));
      rest = rest.subspan(count);
    }
    ChunkBoundary boundary = chunks[i].boundary;
    boundary.last = i + 1 == chunks.size();
    take(joiner.end_chunk(boundary));
    result.places.push_back(joiner.place());
  }
  return result;
}

size_t longest_zeros(std::span<const float> samples) {
  size_t longest = 0, run = 0;
  for (const float x : samples) {
    run = x == 0 ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  return longest;
}

std::vector<Chunk> two(int tail, int lead, double gap) {
  return {{Sound().speech(40).room(tail).samples(), {.gap_seconds = gap}},
          {Sound().room(lead).speech(40).room(20).samples(), {}}};
}

TEST(NaturalJoin, MakesThePauseThatIsWanted) {
  for (const int tail : {0, 1, 5, 20, 50}) {
    for (const int lead : {0, 2, 12, 45}) {
      for (const double gap : {0.15, 0.35, 0.6}) {
        const Joined result = joined(two(tail, lead, gap));
        EXPECT_NEAR(result.gap(0), gap, 1e-4) << tail << " " << lead;
      }
    }
  }
}

TEST(NaturalJoin, FillsALongerPauseWithTheRoomsOwnSound) {
  const Joined result = joined(two(8, 3, 0.6));
  EXPECT_LT(longest_zeros(result.samples), 3u);
  const std::span<const float> gap =
      std::span(result.samples)
          .subspan(result.places[0].end, result.places[1].begin - result.places[0].end);
  for (size_t hop = 0; hop + kHop <= gap.size(); hop += kHop) {
    EXPECT_NEAR(level_of(gap.subspan(hop, kHop)), 20 * std::log10(5e-4), 2) << hop;
  }
}

TEST(NaturalJoin, LeavesSpeechAsItIs) {
  const std::vector<Chunk> chunks = two(30, 30, 0.35);
  const Joined result = joined(chunks);
  for (size_t i = 0; i < 2; ++i) {
    const size_t begin = i == 0 ? 0 : 30 * kHop;
    const auto place = result.places[i];
    ASSERT_EQ(place.end - place.begin, 40 * kHop);
    EXPECT_TRUE(std::equal(result.samples.begin() + place.begin, result.samples.begin() + place.end,
                           chunks[i].samples.begin() + begin));
  }
}

TEST(NaturalJoin, DoesNotDependOnThePieces) {
  std::vector<Chunk> chunks = two(70, 33, 0.35);
  chunks.push_back({Sound().room(2).speech(11).room(28).speech(4).room(31).samples(), {}});
  chunks[1].boundary = {.gap_seconds = 0.35, .pause_seconds = 1};
  chunks[2].samples.resize(chunks[2].samples.size() - 100);
  const Joined whole = joined(chunks);
  for (const size_t most : {1u, 100u, 441u, 5000u}) {
    const Joined pieces = joined(chunks, {}, most);
    EXPECT_EQ(pieces.samples, whole.samples) << most;
    EXPECT_EQ(pieces.places.back().begin, whole.places.back().begin);
  }
}

TEST(NaturalJoin, InsertsSilenceThatIsAskedForToTheSample) {
  std::vector<Chunk> chunks = two(10, 15, 0);
  chunks[0].boundary.pause_seconds = 1.5;
  const Joined result = joined(chunks);
  EXPECT_NEAR(static_cast<double>(longest_zeros(result.samples)), 1.5 * kModelRate, 1);
  chunks[1].boundary.pause_seconds = 0.5;
  const Joined ended = joined(chunks, {.leading_pause_seconds = 0.25});
  const auto zeros = [](auto begin, auto end) {
    return std::find_if(begin, end, [](float x) { return x != 0; }) - begin;
  };
  EXPECT_NEAR(zeros(ended.samples.begin(), ended.samples.end()), 0.25 * kModelRate, 1);
  EXPECT_NEAR(zeros(ended.samples.rbegin(), ended.samples.rend()), 0.5 * kModelRate, 1);
}

TEST(NaturalJoin, ShortensALongBeginningAndLeavesAShortOne) {
  EXPECT_EQ(joined({{Sound().room(25).speech(50).samples(), {}}}).places[0].begin, 25 * kHop);
  EXPECT_EQ(joined({{Sound().room(45).speech(50).samples(), {}}}).places[0].begin, 4410u);
  const NaturalJoinOptions off{.trim_head = false};
  EXPECT_EQ(joined({{Sound().room(45).speech(50).samples(), {}}}, off).places[0].begin, 45 * kHop);
}

double end_after_speech(const Sound& sound, ChunkBoundary boundary = {},
                        const NaturalJoinOptions& options = {}) {
  const Joined result = joined({{sound.samples(), boundary}}, options);
  return static_cast<double>(result.samples.size() - result.places[0].end) / kModelRate;
}

TEST(NaturalJoin, ShortensTheEndAndFadesIt) {
  EXPECT_NEAR(end_after_speech(Sound().speech(60).room(40)), 0.12, 1e-4);
  EXPECT_NEAR(end_after_speech(Sound().speech(60).room(8)), 0.08, 1e-4);
  const Joined result = joined({{Sound().speech(60).room(40).samples(), {}}});
  EXPECT_LT(std::abs(result.samples.back()), 1e-5);
}

TEST(NaturalJoin, AClickAfterALongSilenceIsNoSpeech) {
  EXPECT_NEAR(end_after_speech(Sound().speech(60).room(30).speech(4).room(10)), 0.12, 1e-4);
  // A word is, and so is a click right after one.
  EXPECT_NEAR(end_after_speech(Sound().speech(60).room(30).speech(9).room(30)), 0.12, 1e-4);
  const Joined word = joined({{Sound().speech(60).room(30).speech(9).room(30).samples(), {}}});
  EXPECT_EQ(word.places[0].end, 99 * kHop);
  const Joined close = joined({{Sound().speech(60).room(10).speech(4).room(30).samples(), {}}});
  EXPECT_EQ(close.places[0].end, 74 * kHop);
}

TEST(NaturalJoin, ASoundAtTheEndIsLeftAlone) {
  EXPECT_NEAR(end_after_speech(Sound().speech(60).room(40), {.sound_event = true}), 0.4, 1e-4);
  EXPECT_NEAR(end_after_speech(Sound().speech(60).room(40), {}, {.trim_tail = false}), 0.4, 1e-4);
}

TEST(NaturalJoin, NeverTakesMoreThanHalf) {
  EXPECT_NEAR(end_after_speech(Sound().speech(5).room(50)), 0.5, 1e-4);
}

TEST(NaturalJoin, AFadeOutInNoiseIsCutWhereTheNoiseRemains) {
  Sound sound;
  sound.speech(60);
  Samples samples = sound.samples();
  // Dies away over half a second into a room at -66 dB.
  std::mt19937 random(1);
  std::normal_distribution<float> noise(0, 5e-4F);
  for (size_t i = 0; i < 100 * kHop; ++i) {
    const float gain = std::exp(-static_cast<float>(i) / (8 * kHop));
    samples.push_back(gain * 0.3F * std::sin(0.05F * static_cast<float>(i)) + noise(random));
  }
  const Joined result = joined({{samples, {}}});
  // From -13.5 dB by 8.7 dB in 80 ms: it is below -50 dB after 337 ms, and 120 ms stay.
  const double kept = static_cast<double>(result.samples.size()) / kModelRate;
  EXPECT_NEAR(kept, 0.6 + 0.337 + 0.12, 0.01);
  EXPECT_EQ(joined({{samples, {}}}, {}, 777).samples, result.samples);
}

TEST(NaturalJoin, HoldsBackNoMoreThanItMayCut) {
  NaturalJoiner joiner;
  size_t given = joiner.push(Sound().speech(60).samples()).size();
  EXPECT_EQ(given, 60 * kHop);
  given += joiner.push(Sound().room(200).samples()).size();
  EXPECT_EQ(given, (60 + 200 - 60) * kHop);
}

TEST(NaturalJoin, AChunkWithoutSpeechStaysAsItIs) {
  const Joined result = joined({{Sound().speech(40).room(10).samples(), {.gap_seconds = 0.35}},
                                {Sound().room(50).samples(), {.gap_seconds = 0.35}},
                                {Sound().room(10).speech(40).samples(), {}}});
  EXPECT_EQ(result.places[1].end - result.places[1].begin, 50 * kHop);
  EXPECT_NEAR(result.gap(0), 0.35, 1e-4);
  EXPECT_NEAR(result.gap(1), 0.35, 1e-4);
}

TEST(NaturalJoin, TellsWhereAChunkBeginsThatGoesOnInTheSameSound) {
  ChunkBoundary goes_on;
  goes_on.continues = true;
  ChunkBoundary last;
  last.last = true;
  const std::vector<Chunk> chunks = {{Sound().speech(100).samples(), goes_on},
                                     {Sound().room(15).speech(50).samples(), goes_on},
                                     {Sound().speech(40).samples(), goes_on},
                                     {Sound().room(20).samples(), goes_on},
                                     {Sound().room(10).speech(30).samples(), last}};
  const Joined result = joined(chunks);
  const std::pair<size_t, size_t> expected[] = {
      {0, 100}, {115, 165}, {165, 205}, {205, 205}, {235, 265}};
  ASSERT_EQ(result.places.size(), std::size(expected));
  for (size_t i = 0; i < result.places.size(); ++i) {
    EXPECT_EQ(result.places[i].begin, expected[i].first * kHop) << i;
    EXPECT_EQ(result.places[i].end, expected[i].second * kHop) << i;
  }
}

}  // namespace
}  // namespace echo
