// Whether one hears where a recording was put together.
#pragma once

#include <optional>
#include <span>
#include <vector>

namespace echo {

// Where speech stops before a joint and where it goes on after it, in seconds.
struct SeamPlace {
  double end = 0, begin = 0;
};

// The sound before a joint compared with the sound after it; what cannot be told is absent.
struct Seam {
  SeamPlace place;
  double pause_seconds = 0;
  std::optional<double> pitch_semitones;  // medians of a second at each side; octaves are folded
  std::optional<double> level_db;         // of the speech
  std::optional<double> floor_db;         // of the last and the first tenth of a second of silence
  double click = 0;                       // sharpest bend in the pause, by the sharpest around it
  std::optional<double> timbre;           // distance of the mean cepstra
};

// Measures a recording's joints, mono, at sample_rate Hz.
std::vector<Seam> measure_seams(std::span<const float> samples, int sample_rate,
                                std::span<const SeamPlace> places);

// The pauses of at least `shortest` seconds in a recording, or between two times of it: what a
// speaker's own pauses are like, or where joints of an unknown recording may be.
std::vector<SeamPlace> find_pauses(std::span<const float> samples, int sample_rate,
                                   double shortest = 0.1);

// How far the sound wanders: the mean distance in dB of the Bark spectra of the first and the last
// `seconds`; none for a recording of less than twice as much.
std::optional<double> measure_drift(std::span<const float> samples, int sample_rate,
                                    double seconds = 60);

}  // namespace echo
