#include "audio/spectrum.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace echo {
namespace {

// Of finite numbers: the operator looks for infinities first.
std::complex<float> product(std::complex<float> a, std::complex<float> b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

}  // namespace

PowerSpectrum::PowerSpectrum(size_t size)
    : window_(size), roots_(size / 2), reversed_(size / 2), work_(size / 2), powers_(size / 2 + 1) {
  const double step = 2 * std::numbers::pi / static_cast<double>(size);
  for (size_t i = 0; i < size; ++i) {
    window_[i] = static_cast<float>(0.5 - 0.5 * std::cos(step * static_cast<double>(i)));
  }
  for (size_t i = 0; i < roots_.size(); ++i) {
    const double angle = -step * static_cast<double>(i);
    roots_[i] = {static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))};
  }
  size_t reversed = 0;
  for (size_t& place : reversed_) {
    place = reversed;
    size_t bit = size / 4;
    while (bit > 0 && (reversed & bit) != 0) {
      reversed ^= bit;
      bit /= 2;
    }
    reversed |= bit;
  }
}

// Real samples are taken for pairs of a complex signal of half the length, and its spectrum is
// taken apart again.
std::span<const float> PowerSpectrum::operator()(std::span<const float> samples) {
  const size_t size = window_.size(), half = size / 2;
  const auto windowed = [&](size_t i) {
    return i < samples.size() ? samples[i] * window_[i] : 0.0F;
  };
  for (size_t i = 0; i < half; ++i) {
    work_[reversed_[i]] = {windowed(2 * i), windowed(2 * i + 1)};
  }
  for (size_t length = 1; length < half; length *= 2) {
    const size_t stride = half / length;
    for (size_t first = 0; first < half; first += 2 * length) {
      for (size_t i = 0; i < length; ++i) {
        const std::complex<float> a = work_[first + i];
        const std::complex<float> turned = product(work_[first + i + length], roots_[i * stride]);
        work_[first + i] = a + turned;
        work_[first + i + length] = a - turned;
      }
    }
  }
  for (size_t k = 0; k <= half; ++k) {
    const std::complex<float> a = work_[k % half], b = std::conj(work_[(half - k) % half]);
    const std::complex<float> even = 0.5F * (a + b), difference = 0.5F * (a - b);
    const std::complex<float> odd(difference.imag(), -difference.real());
    powers_[k] = std::norm(k < half ? even + product(odd, roots_[k]) : even - odd);
  }
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
