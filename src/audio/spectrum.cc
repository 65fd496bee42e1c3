#include "audio/spectrum.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace echo {

PowerSpectrum::PowerSpectrum(size_t size)
    : window_(size), roots_(size / 2), work_(size), powers_(size / 2 + 1) {
  const double step = 2 * std::numbers::pi / static_cast<double>(size);
  for (size_t i = 0; i < size; ++i) {
    window_[i] = static_cast<float>(0.5 - 0.5 * std::cos(step * static_cast<double>(i)));
  }
  for (size_t i = 0; i < roots_.size(); ++i) {
    const double angle = -step * static_cast<double>(i);
    roots_[i] = {static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))};
  }
}

std::span<const float> PowerSpectrum::operator()(std::span<const float> samples) {
  const size_t size = window_.size();
  size_t reversed = 0;  // the index with its bits in the opposite order
  for (size_t i = 0; i < size; ++i) {
    work_[reversed] = i < samples.size() ? samples[i] * window_[i] : 0.0F;
    size_t bit = size / 2;
    while (bit > 0 && (reversed & bit) != 0) {
      reversed ^= bit;
      bit /= 2;
    }
    reversed |= bit;
  }
  for (size_t half = 1; half < size; half *= 2) {
    const size_t stride = size / (2 * half);
    for (size_t first = 0; first < size; first += 2 * half) {
      for (size_t i = 0; i < half; ++i) {
        const std::complex<float> a = work_[first + i];
        const std::complex<float> b = work_[first + i + half], root = roots_[i * stride];
        const std::complex<float> turned(b.real() * root.real() - b.imag() * root.imag(),
                                         b.real() * root.imag() + b.imag() * root.real());
        work_[first + i] = a + turned;
        work_[first + i + half] = a - turned;
      }
    }
  }
  for (size_t i = 0; i < powers_.size(); ++i) powers_[i] = std::norm(work_[i]);
  return powers_;
}

double spectral_flatness(std::span<const float> powers) {
  double logs = 0, sum = 0;
  for (const double power : powers) {
    logs += std::log(power + 1e-20);
    sum += power;
  }
  const auto count = static_cast<double>(powers.size());
  if (sum <= 1e-12 * count) return 0;
  return std::exp(logs / count) / (sum / count);
}

}  // namespace echo
