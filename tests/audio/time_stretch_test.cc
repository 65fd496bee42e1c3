#include "audio/time_stretch.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <random>

#include "base/error.h"
#include "support/sounds/sounds.h"

namespace echo {
namespace {

std::vector<float> stretched(std::span<const float> sound, double speed, size_t piece) {
  TimeStretch stretch(speed, 44100);
  std::vector<float> out;
  for (size_t at = 0; at < sound.size(); at += piece) {
    stretch.push(sound.subspan(at, std::min(piece, sound.size() - at)), out);
  }
  stretch.finish(out);
  return out;
}

// A voice of one pitch: harmonics that fall as those of a vowel.
std::vector<float> hum(size_t samples, double pitch) {
  std::vector<float> sound(samples);
  for (size_t i = 0; i < samples; ++i) {
    const double angle = 2 * std::numbers::pi * pitch * static_cast<double>(i) / 44100;
    for (int k = 1; k <= 12; ++k) sound[i] += static_cast<float>(0.2 * std::sin(k * angle) / k);
  }
  return sound;
}

// The frequency near `guess` Hz at which the sound, shifted by two periods, resembles itself most.
double pitch_of(std::span<const float> sound, double guess) {
  constexpr int kPeriods = 2;
  const auto middle = static_cast<int>(std::lround(kPeriods * 44100 / guess));
  const size_t count = 30000;
  const auto likeness = [&](int shift) {
    double sum = 0, a = 0, b = 0;
    for (size_t i = 5000; i < 5000 + count; ++i) {
      const double x = sound[i], y = sound[i + static_cast<size_t>(shift)];
      sum += x * y, a += x * x, b += y * y;
    }
    return sum / std::sqrt(a * b);
  };
  int best = middle;
  for (int shift = middle - 40; shift <= middle + 40; ++shift) {
    if (likeness(shift) > likeness(best)) best = shift;
  }
  const double left = likeness(best - 1), top = likeness(best), right = likeness(best + 1);
  const double place = best + (left - right) / (2 * (left - 2 * top + right));
  return kPeriods * 44100 / place;
}

TEST(TimeStretch, GivesExactlyTheDurationThatWasAskedFor) {
  const std::vector<float> sound = make_sound(3 * 44100, 44100);
  for (const double speed : {0.25, 0.5, 0.9, 1.0, 1.1, 1.5, 2.0, 4.0}) {
    for (const size_t n : {size_t{1}, size_t{700}, size_t{44100}, sound.size()}) {
      const auto out = stretched({sound.data(), n}, speed, 5000);
      EXPECT_EQ(out.size(), static_cast<size_t>(std::llround(static_cast<double>(n) / speed)))
          << n << " at " << speed;
    }
  }
}

TEST(TimeStretch, KeepsThePitchWithinTenCents) {
  const std::vector<float> sound = hum(8 * 44100, 180);
  for (const double speed : {0.5, 0.75, 1.25, 2.0}) {
    const double cents = 1200 * std::log2(pitch_of(stretched(sound, speed, 4410), 180) / 180);
    EXPECT_LT(std::abs(cents), 10) << "at " << speed;
  }
}

TEST(TimeStretch, DoesNotDependOnWhereThePiecesEnd) {
  const std::vector<float> sound = make_sound(2 * 44100, 44100);
  EXPECT_EQ(stretched(sound, 1.3, 700), stretched(sound, 1.3, 44100));
}

TEST(TimeStretch, PassesSpeedOneThrough) {
  const std::vector<float> sound = make_sound(10000, 44100);
  EXPECT_EQ(stretched(sound, 1, 999), sound);
}

TEST(TimeStretch, GivesSamplesLongBeforeTheEnd) {
  const std::vector<float> sound = make_sound(2 * 44100, 44100);
  TimeStretch stretch(1.5, 44100);
  std::vector<float> out;
  stretch.push({sound.data(), 44100}, out);
  EXPECT_GT(out.size(), static_cast<size_t>(44100 / 1.5 - 0.15 * 44100));
}

TEST(TimeStretch, RefusesOtherSpeeds) {
  for (const double speed : {0.0, 0.24, 4.01, -1.0, std::nan("")}) {
    EXPECT_THROW(TimeStretch(speed, 44100), Error) << speed;
  }
}

}  // namespace
}  // namespace echo
