// How loud, and where nothing is heard.
#pragma once

#include <cstddef>
#include <span>

namespace echo {

inline constexpr float kSilenceThreshold = 0.01F;  // |x| below it counts as silence at a joint

// Largest |x|; 0 for no samples.
float find_peak(std::span<const float> samples);

// Samples at the end with |x| < threshold, looking at most `look_back` samples back.
size_t count_trailing_silence(std::span<const float> samples, size_t look_back,
                              float threshold = kSilenceThreshold);

// Index of the first sample that is not a finite number; samples.size() when all are.
size_t find_non_finite(std::span<const float> samples);

}  // namespace echo
