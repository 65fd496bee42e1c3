// Every fault of a take, at both sides of its limit.
#include "audio/take_faults.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "audio/spectrum.h"
#include "audio/voice.h"

namespace echo {
namespace {

using Samples = std::vector<float>;

// A voice: a pulse train's harmonics, `seconds` long; noise: a hiss; room: nearly nothing.
Samples voice(double seconds, float level = 0.1F, double pitch = 120, int harmonics = 20) {
  Samples samples(static_cast<size_t>(seconds * kModelRate));
  for (size_t i = 0; i < samples.size(); ++i) {
    const double t = static_cast<double>(i) / kModelRate;
    double x = 0;
    for (int k = 1; k <= harmonics; ++k) x += std::sin(2 * M_PI * pitch * k * t) / k;
    samples[i] = level * static_cast<float>(x);
  }
  return samples;
}

Samples noise(double seconds, float level) {
  Samples samples(static_cast<size_t>(seconds * kModelRate));
  std::mt19937 random(5);
  std::normal_distribution<float> normal(0, level);
  for (float& x : samples) x = normal(random);
  return samples;
}
Samples room(double seconds) { return noise(seconds, 1e-4F); }

Samples operator+(Samples a, const Samples& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::vector<std::string> reasons(const Samples& samples, TakeExpectation expectation = {}) {
  std::vector<std::string> result;
  for (const TakeFault& fault : find_take_faults(samples, kModelRate, expectation)) {
    EXPECT_GT(fault.score, 0);
    EXPECT_FALSE(fault.warning.empty());
    result.emplace_back(fault.reason);
  }
  return result;
}

using Reasons = std::vector<std::string>;

TEST(TakeFaults, AGoodTakeHasNone) {
  const TakeExpectation expectation{.speech_seconds = 2};
  EXPECT_EQ(reasons(room(0.2) + voice(2) + room(0.3), expectation), Reasons{});
}

TEST(TakeFaults, Empty) {
  EXPECT_EQ(reasons({}), Reasons{"empty"});
  EXPECT_EQ(reasons(room(3)), Reasons{"empty"});
  EXPECT_EQ(reasons(room(0.5) + voice(0.02) + room(1)), Reasons{"empty"}) << "a click";
  EXPECT_EQ(reasons(room(0.5) + voice(0.04) + room(1)), Reasons{});
  EXPECT_EQ(find_take_faults(room(3), kModelRate, {}).at(0).score, 100);
}

TEST(TakeFaults, Short) {
  const TakeExpectation expectation{.speech_seconds = 4};
  EXPECT_EQ(reasons(voice(1.45), expectation), Reasons{});
  EXPECT_EQ(reasons(voice(1.35), expectation), Reasons{"short"});
  EXPECT_EQ(reasons(voice(0.14), {.speech_seconds = 0.2}), Reasons{"short"})
      << "no word is shorter";
  EXPECT_EQ(reasons(voice(0.16), {.speech_seconds = 0.2}), Reasons{});
  EXPECT_EQ(reasons(voice(0.1)), Reasons{}) << "nobody knows how long it should be";
}

TEST(TakeFaults, Long) {
  const TakeExpectation expectation{.speech_seconds = 1};
  EXPECT_EQ(reasons(voice(3.1), expectation), Reasons{});
  EXPECT_EQ(reasons(voice(3.3), expectation), Reasons{"long"});
}

TEST(TakeFaults, NoEnd) {
  const TakeExpectation expectation{.ended = false};
  EXPECT_EQ(reasons(voice(2) + room(0.45), expectation), Reasons{});
  EXPECT_EQ(reasons(voice(2) + room(0.3), expectation), Reasons{"no_end"});
  EXPECT_EQ(reasons(voice(2)), Reasons{}) << "it ended there";
}

TEST(TakeFaults, SilenceInside) {
  EXPECT_EQ(reasons(voice(1) + room(0.95) + voice(1)), Reasons{});
  EXPECT_EQ(reasons(voice(1) + room(1.05) + voice(1)), Reasons{"silence_inside"});
  EXPECT_EQ(reasons(voice(1) + room(1.5) + voice(1), {.may_pause = true}), Reasons{});
}

TEST(TakeFaults, LateStart) {
  EXPECT_EQ(reasons(room(0.75) + voice(1)), Reasons{});
  EXPECT_EQ(reasons(room(0.85) + voice(1)), Reasons{"late_start"});
}

TEST(TakeFaults, Clipped) {
  Samples samples = voice(1);
  for (size_t i = 0; i < 40; ++i) samples[i * 1000] = 1.1F;
  EXPECT_EQ(reasons(samples), Reasons{});
  for (size_t i = 0; i < 50; ++i) samples[i * 800 + 1] = -1.1F;
  EXPECT_EQ(reasons(samples), Reasons{"clipped"});
}

TEST(TakeFaults, Quiet) {
  EXPECT_EQ(reasons(voice(1, 0.008F)), Reasons{});
  EXPECT_EQ(reasons(voice(1, 0.004F)), Reasons{"quiet"});
}

TEST(TakeFaults, Noise) {
  EXPECT_EQ(reasons(noise(2, 0.1F)), Reasons{"noise"});
  EXPECT_EQ(reasons(voice(1.2) + noise(1, 0.1F)), Reasons{});
  EXPECT_EQ(reasons(voice(0.3) + noise(1, 0.1F)), Reasons{"noise"});
}

TEST(TakeFaults, AnotherVoice) {
  const std::optional<VoicePrint> reference = voice_print(voice(3), kModelRate);
  ASSERT_TRUE(reference);
  TakeExpectation expectation;
  expectation.voice = &*reference;
  EXPECT_EQ(reasons(voice(2), expectation), Reasons{});
  EXPECT_EQ(reasons(voice(2, 0.1F, 240, 4), expectation), Reasons{"voice"});
  EXPECT_EQ(reasons(voice(2, 0.1F, 170, 4), expectation), Reasons{}) << "six semitones";
  VoicePrint changing = *reference;  // whose own halves are as unlike
  changing.variation = 30;
  expectation.voice = &changing;
  EXPECT_EQ(reasons(voice(2, 0.1F, 240, 4), expectation), Reasons{});
  expectation.voice = &*reference;
  expectation.complete = false;
  EXPECT_EQ(reasons(voice(2, 0.1F, 240, 4), expectation), Reasons{});
}

TEST(VoicePrint, IsPlainNumbersAndNeedsASecondOfSpeech) {
  EXPECT_FALSE(voice_print(room(2) + voice(0.9), kModelRate));
  const VoicePrint print = voice_print(room(0.5) + voice(1.5) + room(0.5), kModelRate).value();
  EXPECT_NEAR(print.pitch, 120, 1);
  const VoicePrint again = print_of(values_of(print));
  EXPECT_NEAR(again.pitch, print.pitch, 1e-3);
  EXPECT_NEAR(distance(again.timbre, print.timbre), 0, 1e-3);
  EXPECT_NEAR(again.variation, print.variation, 1e-5);
}

TEST(TakeFaults, TheGravestComesFirst) {
  const Reasons found =
      reasons(room(0.9) + voice(1, 0.004F), {.speech_seconds = 8, .ended = false});
  EXPECT_EQ(found, (Reasons{"short", "no_end", "quiet", "late_start"}));
}

TEST(TakeFaults, OfABeginningOnlyWhatItTells) {
  const TakeExpectation beginning{.speech_seconds = 8, .ended = false, .complete = false};
  EXPECT_EQ(reasons(voice(0.5), beginning), Reasons{});
  EXPECT_EQ(reasons(room(1.5), beginning), Reasons{"empty"});
  EXPECT_EQ(reasons(room(1) + voice(0.5), beginning), Reasons{"late_start"});
}

TEST(Spectrum, ATonesPowerLiesAtItsFrequency) {
  PowerSpectrum spectrum(512);
  Samples tone(512);
  for (size_t i = 0; i < tone.size(); ++i) tone[i] = std::cos(2 * M_PI * 32 * i / 512.0);
  const std::span<const float> powers = spectrum(tone);
  // Hann: half the amplitude in the middle, a quarter at each side, nothing elsewhere.
  EXPECT_NEAR(powers[32], 128.0 * 128, 1);
  EXPECT_NEAR(powers[31], 64.0 * 64, 1);
  EXPECT_NEAR(powers[35], 0, 1e-3);
  EXPECT_NEAR(spectral_flatness(powers), 0, 1e-3);
  EXPECT_EQ(spectral_flatness(spectrum(Samples(512))), 0);
}

TEST(SpeechLevel, OfAFullScaleSquareIsZero) {
  EXPECT_NEAR(level_of(Samples(100, 1.0F)), 0, 1e-4);
  EXPECT_NEAR(level_of(Samples(100, 0.1F)), -20, 1e-4);
  EXPECT_EQ(level_of({}), kSilentLevel);
  EXPECT_EQ(level_of(Samples(100)), kSilentLevel);
}

TEST(SpeechLevel, LoudIsWhatOneHopInTwentyIsAbove) {
  LoudLevel loud;
  for (int i = 0; i < 100; ++i) loud.add(static_cast<float>(-100 + i));
  EXPECT_NEAR(loud.value(), -5, 1);
}

}  // namespace
}  // namespace echo
