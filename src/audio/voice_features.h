// What a stretch of speech sounds like: its pitch, and the colour of the voice.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "audio/speech_level.h"

namespace echo {

// Returns the fundamental frequency of each step of 20 ms, in Hz from 60 to 500; 0 where there is
// no voice. (YIN, de Cheveigne and Kawahara 2002.)
std::vector<double> pitch_track(std::span<const float> samples, int sample_rate);

// The median of the voiced steps; none with less of them than `min_seconds`.
std::optional<double> median_pitch(std::span<const float> samples, int sample_rate,
                                   double min_seconds = 0.1);

// Logarithms of the power in 26 mel bands up to 8 kHz, every 20 ms.
using MelFrame = std::array<float, 26>;
std::vector<MelFrame> mel_frames(std::span<const float> samples, int sample_rate);

// Mel cepstral coefficients 1 to 12 (26 bands up to 8 kHz), the mean over hops that are speech;
// none without speech.
using Timbre = std::array<double, 12>;
std::optional<Timbre> mean_timbre(std::span<const float> samples, int sample_rate);
double distance(const Timbre& a, const Timbre& b);

// Levels in dB of 24 Bark bands, the mean over hops that are speech; none without speech.
using BarkSpectrum = std::array<double, 24>;
std::optional<BarkSpectrum> mean_bark_spectrum(std::span<const float> samples, int sample_rate);

}  // namespace echo
