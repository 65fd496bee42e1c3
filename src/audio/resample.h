// Change of sample rate by a windowed sinc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace echo {

// The filter that the model's reference audio went through in training: a sinc of 6 zero crossings
// a side under a Hann window, cut off at 0.99 of the lower Nyquist frequency. Kernel weights are
// computed in double precision and rounded to float32. One kernel per output phase, and only taps
// that are not zero, so coprime rates cost a few megabytes and no more time than others.
//
// Feed it piece by piece: the result does not depend on where the pieces end.
class Resampler {
 public:
  // Rates in Hz. Throws kInvalidArgument unless both are in 1 to kMaxRate.
  static constexpr int kMaxRate = 768000;
  Resampler(int from, int to);

  // Adds samples and appends to `out` what can be computed from the samples so far.
  void push(std::span<const float> samples, std::vector<float>& out);

  // Appends the rest: in all ceil(to * n / from) samples for n put in. Nothing may be pushed after.
  void finish(std::vector<float>& out);

 private:
  void produce(int64_t end, std::vector<float>& out);

  int64_t from_;  // rates without their common divisor
  int64_t to_;
  int64_t reach_ = 0;           // a tap is at most this many input samples from the output's place
  size_t taps_ = 0;             // per phase, a multiple of the vector width, zeros at the end
  std::vector<float> kernels_;  // to_ phases of taps_
  std::vector<float> window_;   // input samples that are still needed
  int64_t window_start_ = 0;    // index of the first of them
  int64_t received_ = 0;
  int64_t produced_ = 0;
};

// All of a signal at another rate: ceil(to * n / from) samples.
std::vector<float> resample(std::span<const float> samples, int from, int to);

}  // namespace echo
