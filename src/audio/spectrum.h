// Power spectra of short pieces of sound.
#pragma once

#include <complex>
#include <cstddef>
#include <span>
#include <vector>

namespace echo {

// Computes spectra of one size: Hann window, fast Fourier transform, squared magnitudes. Any thread
// may call, each with an object of its own.
class PowerSpectrum {
 public:
  // size: a power of two, at least 4.
  explicit PowerSpectrum(size_t size);

  size_t size() const { return window_.size(); }
  // size() samples -> size() / 2 + 1 powers, from 0 Hz to half the sample rate; the result is valid
  // until the next call. Missing samples are zeros.
  std::span<const float> operator()(std::span<const float> samples);

 private:
  std::vector<float> window_;
  std::vector<std::complex<float>> roots_;
  std::vector<size_t> reversed_;  // an index with its bits in the opposite order
  std::vector<std::complex<float>> work_;
  std::vector<float> powers_;
};

// The geometric mean of powers over their arithmetic mean: near 0 for tones and voices, 0.56 for
// white noise. 0 for silence.
double spectral_flatness(std::span<const float> powers);

}  // namespace echo
