// What was done to a recording at a joint is found, and nothing else.
#include "audio/seams.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <set>
#include <string>

#include "audio/resample.h"
#include "audio/voice.h"
#include "audio/voice_features.h"
#include "support/paths.h"

namespace echo {
namespace {

using Samples = std::vector<float>;

struct Hum {
  double pitch = 120, gain = 0.1;
  int harmonics = 20;
};

void speak(Samples& samples, double seconds, Hum voice = {}) {
  for (size_t n = static_cast<size_t>(seconds * kModelRate), i = 0; i < n; ++i) {
    const double t = static_cast<double>(i) / kModelRate;
    double x = 0;
    for (int k = 1; k <= voice.harmonics; ++k) x += std::sin(2 * M_PI * voice.pitch * k * t) / k;
    samples.push_back(static_cast<float>(voice.gain * x));
  }
}

void rest(Samples& samples, double seconds, float level = 1e-4F) {
  static std::mt19937 random(9);
  std::normal_distribution<float> noise(0, level);
  for (size_t n = static_cast<size_t>(seconds * kModelRate), i = 0; i < n; ++i) {
    samples.push_back(noise(random));
  }
}

struct Change {
  Hum voice = {};
  double pause = 0.4;
  float click = 0;
  float floor = 1e-4F;
};

Seam seam_with(const Change& change) {
  Samples samples;
  speak(samples, 1.5);
  rest(samples, change.pause / 2);
  if (change.click > 0) samples.back() += change.click;
  rest(samples, change.pause / 2, change.floor);
  speak(samples, 1.5, change.voice);
  const SeamPlace place{1.5, 1.5 + change.pause};
  return measure_seams(samples, kModelRate, std::span(&place, 1)).at(0);
}

// Everything that is measured shows nothing, but what is named.
void expect_smooth(const Seam& seam, const std::set<std::string>& but = {}) {
  const auto unchanged = [&](const char* name) { return but.count(name) == 0; };
  if (unchanged("pause")) {
    EXPECT_NEAR(seam.pause_seconds, 0.4, 1e-6);
  }
  if (unchanged("pitch")) {
    EXPECT_NEAR(*seam.pitch_semitones, 0, 0.1);
  }
  if (unchanged("level")) {
    EXPECT_NEAR(*seam.level_db, 0, 0.3);
  }
  if (unchanged("floor")) {
    EXPECT_NEAR(*seam.floor_db, 0, 1);
  }
  if (unchanged("click")) {
    EXPECT_LT(seam.click, 1);
  }
  if (unchanged("timbre")) {
    EXPECT_LT(*seam.timbre, 2);
  }
}

TEST(Seams, OfTheSameSoundShowNothing) { expect_smooth(seam_with({})); }

TEST(Seams, FindASemitone) {
  const Seam seam = seam_with({.voice = {.pitch = 120 * std::pow(2, 1 / 12.0)}});
  EXPECT_NEAR(*seam.pitch_semitones, 1, 0.1);
  expect_smooth(seam, {"pitch", "timbre"});  // a hum's few harmonics lie elsewhere then
}

TEST(Seams, FoldOctaves) { EXPECT_LT(*seam_with({.voice = {.pitch = 240}}).pitch_semitones, 0.1); }

TEST(Seams, FindThreeDecibels) {
  const Seam seam = seam_with({.voice = {.gain = 0.1 * std::pow(10, 3 / 20.0)}});
  EXPECT_NEAR(*seam.level_db, 3, 0.2);
  expect_smooth(seam, {"level"});
}

TEST(Seams, FindALongerPauseAndNothingElse) {
  const Seam seam = seam_with({.pause = 0.8});
  EXPECT_NEAR(seam.pause_seconds, 0.8, 1e-6);
  expect_smooth(seam, {"pause"});
}

TEST(Seams, FindAClick) {
  const Seam seam = seam_with({.click = 0.1F});  // -20 dB of full scale
  EXPECT_GT(seam.click, 1);
  expect_smooth(seam, {"click"});
}

TEST(Seams, FindAnotherRoom) {
  const Seam seam = seam_with({.floor = 1e-3F});
  EXPECT_NEAR(*seam.floor_db, 20, 1);
  expect_smooth(seam, {"floor", "click"});  // a hiss has sharper bends than a hum
}

TEST(Seams, FindAnotherVoice) { EXPECT_GT(*seam_with({.voice = {.harmonics = 3}}).timbre, 10); }

// The same with a second of somebody's speech, said again and changed.
class SpokenSeams : public ::testing::Test {
 protected:
  SpokenSeams() {
    const Samples all = load_voice(source_path("/models/echo-small/voices/rms.flac")).samples;
    second_.assign(all.begin() + kModelRate, all.begin() + 2 * kModelRate);
  }

  // `after`: a second and more.
  Seam seam(const Samples& after, double pause = 0.4, float click = 0) const {
    Samples samples = second_;
    rest(samples, pause / 2);
    samples.back() += click;
    rest(samples, pause / 2);
    samples.insert(samples.end(), after.begin(), after.end());
    const SeamPlace place{1, 1 + pause};
    return measure_seams(samples, kModelRate, std::span(&place, 1)).at(0);
  }

  Samples second_;
};

TEST_F(SpokenSeams, OfTheSameSpeechShowNothing) {
  const Seam same = seam(second_);
  EXPECT_NEAR(*same.pitch_semitones, 0, 0.01);
  EXPECT_NEAR(*same.level_db, 0, 0.05);
  EXPECT_NEAR(*same.timbre, 0, 0.05);
  expect_smooth(same);
}

TEST_F(SpokenSeams, FindASemitone) {
  const Samples higher =
      resample(second_, static_cast<int>(kModelRate * std::pow(2, 1 / 12.0)), kModelRate);
  const Seam changed = seam(higher);
  EXPECT_NEAR(*changed.pitch_semitones, 1, 0.2);
  expect_smooth(changed, {"pitch", "timbre"});  // the formants are a semitone higher, too
}

TEST_F(SpokenSeams, FindThreeDecibels) {
  Samples louder = second_;
  for (float& sample : louder) sample *= std::pow(10.0F, 3 / 20.0F);
  const Seam changed = seam(louder);
  EXPECT_NEAR(*changed.level_db, 3, 0.2);
  expect_smooth(changed, {"level"});
}

TEST_F(SpokenSeams, FindALongerPauseAndAClick) {
  const Seam longer = seam(second_, 0.8);
  EXPECT_NEAR(longer.pause_seconds, 0.8, 1e-6);
  expect_smooth(longer, {"pause"});
  const Seam clicked = seam(second_, 0.4, 0.1F);
  EXPECT_GT(clicked.click, 1);
  expect_smooth(clicked, {"click"});
}

TEST(Seams, FindPausesOfAnyRecording) {
  Samples samples;
  rest(samples, 0.3);
  speak(samples, 1);
  rest(samples, 0.25);
  speak(samples, 0.5);
  rest(samples, 0.05);
  speak(samples, 0.5);
  const std::vector<SeamPlace> pauses = find_pauses(samples, kModelRate);
  ASSERT_EQ(pauses.size(), 1u);
  EXPECT_NEAR(pauses[0].end, 1.3, 0.02);
  EXPECT_NEAR(pauses[0].begin, 1.55, 0.02);
}

TEST(Seams, DriftIsFoundOverTime) {
  Samples same, other;
  speak(same, 4);
  speak(other, 2);
  speak(other, 2, {.gain = 0.2});
  EXPECT_LT(*measure_drift(same, kModelRate, 2), 0.5);
  EXPECT_NEAR(*measure_drift(other, kModelRate, 2), 6, 0.7);
  EXPECT_FALSE(measure_drift(same, kModelRate, 60));
}

TEST(VoiceFeatures, PitchIsFoundOverItsRange) {
  for (const double pitch : {70.0, 110.0, 220.0, 440.0}) {
    Samples samples;
    speak(samples, 1, {.pitch = pitch});
    ASSERT_TRUE(median_pitch(samples, kModelRate));
    EXPECT_NEAR(*median_pitch(samples, kModelRate), pitch, pitch * 0.01);
  }
  Samples silence;
  rest(silence, 1, 0.05F);
  EXPECT_FALSE(median_pitch(silence, kModelRate)) << "noise has none";
  // A voice in as much breath has one, as rough voices have.
  Samples rough, breath;
  speak(rough, 1, {.pitch = 150});
  rest(breath, 1, 0.05F);
  for (size_t i = 0; i < rough.size(); ++i) rough[i] += breath[i];
  ASSERT_TRUE(median_pitch(rough, kModelRate, 0.5));
  EXPECT_NEAR(*median_pitch(rough, kModelRate), 150, 3);
}

}  // namespace
}  // namespace echo
