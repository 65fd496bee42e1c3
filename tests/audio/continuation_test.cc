// What does not go on as it was before is found, at both sides of each limit.
#include "audio/continuation.h"
#include "audio/voice.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

namespace echo {
namespace {

using Samples = std::vector<float>;
using Reasons = std::vector<std::string>;

struct SyntheticVoice {
  double pitch = 120, gain = 0.1;
  double slope = 1;    // of the harmonics' level
  unsigned words = 1;  // which are said
};

// Syllables of 100 ms, each with colours of its own, as a voice would say words.
Samples speech(double seconds, const SyntheticVoice& voice = {}) {
  Samples samples(static_cast<size_t>(seconds * kModelRate));
  std::mt19937 random(voice.words);
  std::vector<double> colours(40);
  for (size_t i = 0; i < samples.size(); ++i) {
    if (i % (kModelRate / 10) == 0) {
      for (double& colour : colours)
        colour = std::pow(10, static_cast<double>(random() % 1000) / 500 - 1);
    }
    const double t = static_cast<double>(i) / kModelRate;
    double x = 0;
    for (int k = 1; k <= 40; ++k) {
      x += std::sin(2 * M_PI * voice.pitch * k * t) * colours[static_cast<size_t>(k - 1)] /
           std::pow(k, voice.slope);
    }
    samples[i] = static_cast<float>(voice.gain * x / 2);
  }
  return samples;
}

Reasons faults(const SyntheticVoice& before, const SyntheticVoice& after) {
  Reasons reasons;
  const SpeechSound sound = sound_of(speech(4, before), kModelRate);
  for (const TakeFault& fault : find_continuation_faults(sound, speech(3, after), kModelRate)) {
    EXPECT_GT(fault.score, 0);
    EXPECT_FALSE(fault.warning.empty());
    reasons.emplace_back(fault.reason);
  }
  return reasons;
}

TEST(Continuation, OfTheSameVoiceHasNoFault) {
  EXPECT_EQ(faults({}, {.words = 2}), Reasons{});
  EXPECT_EQ(find_continuation_faults({}, speech(2), kModelRate).size(), 0u) << "nothing was before";
  EXPECT_EQ(
      find_continuation_faults(sound_of(speech(2), kModelRate), Samples(kModelRate), kModelRate)
          .size(),
      0u)
      << "an empty take has its own fault";
}

TEST(Continuation, JumpsOfLevelAndPitchAreFaults) {
  EXPECT_EQ(faults({}, {.gain = 0.15, .words = 2}), Reasons{});
  EXPECT_EQ(faults({}, {.gain = 0.3, .words = 2}), Reasons{"level_jump"});
  EXPECT_EQ(faults({}, {.gain = 0.03, .words = 2}), Reasons{"level_jump"});
  EXPECT_EQ(faults({}, {.pitch = 145, .words = 2}), Reasons{}) << "3.3 semitones";
  EXPECT_EQ(faults({}, {.pitch = 160, .words = 2}), Reasons{"pitch_jump"}) << "5 semitones";
  EXPECT_EQ(faults({}, {.pitch = 240, .words = 2}), Reasons{}) << "an octave is the tracker's";
}

TEST(Continuation, WordsThatAreSaidAgainAreAFault) {
  const Samples before = speech(4);
  // The last second and a half of it, and then something else.
  Samples after(before.end() - static_cast<ptrdiff_t>(1.5 * kModelRate), before.end());
  const Samples more = speech(1, {.words = 2});
  after.insert(after.end(), more.begin(), more.end());
  const auto found = find_continuation_faults(sound_of(before, kModelRate), after, kModelRate);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].reason, "repeated");
}

TEST(Continuation, DriftIsASlowerThing) {
  const SpeechSound from = sound_of(speech(4), kModelRate);
  const auto drifted = [&](const SyntheticVoice& to) {
    return has_drifted(from, sound_of(speech(4, to), kModelRate));
  };
  EXPECT_FALSE(drifted({.words = 2}));
  EXPECT_FALSE(drifted({.pitch = 130, .words = 2})) << "1.4 semitones";
  EXPECT_TRUE(drifted({.pitch = 138, .words = 2})) << "2.4 semitones";
  EXPECT_TRUE(drifted({.gain = 0.17, .words = 2})) << "4.6 dB";
  EXPECT_TRUE(drifted({.slope = 2, .words = 2})) << "a duller voice";
  EXPECT_FALSE(has_drifted(from, sound_of(Samples(kModelRate), kModelRate)));
}

TEST(DriftWatch, WantsTwoChunksRunning) {
  const SpeechSound own = sound_of(speech(4), kModelRate);
  const SpeechSound other = sound_of(speech(4, {.pitch = 138, .words = 2}), kModelRate);
  DriftWatch watch;
  EXPECT_EQ(watch.last(), nullptr);
  EXPECT_FALSE(watch.add(own)) << "the first is what others are compared with";
  EXPECT_FALSE(watch.add(other));
  EXPECT_FALSE(watch.add(own)) << "it came back";
  EXPECT_FALSE(watch.add(other));
  EXPECT_TRUE(watch.add(other));
  ASSERT_NE(watch.last(), nullptr);
  EXPECT_EQ(watch.last()->pitch, other.pitch);
  watch = {};
  EXPECT_FALSE(watch.add(other)) << "a new strand has a first chunk of its own";
  EXPECT_FALSE(watch.add(other));
}

}  // namespace
}  // namespace echo
