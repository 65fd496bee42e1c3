#include "audio/resample.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>
#include <string>

#include "base/error.h"

namespace echo {
namespace {

constexpr double kZeroCrossings = 6;
constexpr double kRolloff = 0.99;
constexpr size_t kLanes = 16;
constexpr size_t kBlock = 16384;  // samples

// Weight of an input sample that lies `distance` input samples from the output's place, where
// `cutoff` is the filter's band in units of the input's Nyquist frequency.
double kernel_value(double distance, double cutoff) {
  const double t = distance * cutoff;
  if (std::fabs(t) >= kZeroCrossings) return 0;
  const double angle = t * std::numbers::pi;
  const double window = std::cos(angle / (2 * kZeroCrossings));
  const double sinc = t == 0 ? 1 : std::sin(angle) / angle;
  return cutoff * window * window * sinc;
}

// Partial sums side by side, so that the compiler can keep them in vector registers.
float dot(const float* a, const float* b, size_t n) {
  std::array<float, kLanes> sums{};
  for (size_t i = 0; i < n; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  }
  for (size_t width = kLanes / 2; width > 0; width /= 2) {
    for (size_t lane = 0; lane < width; ++lane) sums[lane] += sums[lane + width];
  }
  return sums[0];
}

}  // namespace

Resampler::Resampler(int from, int to) {
  if (from < 1 || to < 1 || from > kMaxRate || to > kMaxRate) {
    throw_invalid("sample rate: cannot change " + std::to_string(from) + " Hz to " +
                  std::to_string(to) + " Hz, both must be in 1 to " + std::to_string(kMaxRate));
  }
  const int divisor = std::gcd(from, to);
  from_ = from / divisor;
  to_ = to / divisor;
  if (from_ == to_) return;
  const double cutoff =
      kRolloff * std::min(1.0, static_cast<double>(to_) / static_cast<double>(from_));
  reach_ = static_cast<int64_t>(std::ceil(kZeroCrossings / cutoff));
  // Output m lies at input m * from / to; its taps begin reach - 1 samples before the whole part.
  taps_ = (static_cast<size_t>(2 * reach_) + kLanes - 1) / kLanes * kLanes;
  kernels_.assign(static_cast<size_t>(to_) * taps_, 0.0F);
  for (int64_t phase = 0; phase < to_; ++phase) {
    const int64_t remainder = phase * from_ % to_;
    const double place = static_cast<double>(remainder) / static_cast<double>(to_);
    float* kernel = &kernels_[static_cast<size_t>(phase) * taps_];
    for (int64_t i = 0; i < 2 * reach_; ++i) {
      const double distance = static_cast<double>(i - (reach_ - 1)) - place;
      kernel[i] = static_cast<float>(kernel_value(distance, cutoff));
    }
  }
  // Zeros stand before the first sample.
  window_start_ = -(reach_ - 1);
  window_.assign(static_cast<size_t>(reach_ - 1), 0.0F);
}

void Resampler::push(std::span<const float> samples, std::vector<float>& out) {
  received_ += static_cast<int64_t>(samples.size());
  if (from_ == to_) {
    out.insert(out.end(), samples.begin(), samples.end());
    return;
  }
  window_.insert(window_.end(), samples.begin(), samples.end());
  // The last output whose taps, padding included, end within the window.
  const int64_t window_end = window_start_ + static_cast<int64_t>(window_.size());
  const int64_t last_place = window_end - static_cast<int64_t>(taps_) + reach_ - 1;
  if (last_place >= 0) produce(((last_place + 1) * to_ + from_ - 1) / from_, out);
}

void Resampler::finish(std::vector<float>& out) {
  if (from_ == to_) return;
  window_.resize(window_.size() + taps_, 0.0F);
  produce((received_ * to_ + from_ - 1) / from_, out);
}

// Appends the outputs before index `end`, whose taps must lie within the window.
void Resampler::produce(int64_t end, std::vector<float>& out) {
  if (end <= produced_) return;
  size_t written = out.size();
  out.resize(out.size() + static_cast<size_t>(end - produced_));
  int64_t phase = produced_ % to_;
  int64_t place = produced_ * from_ / to_;
  int64_t remainder = produced_ * from_ % to_;
  for (; produced_ < end; ++produced_) {
    const auto first = static_cast<size_t>(place - (reach_ - 1) - window_start_);
    out[written++] = dot(&kernels_[static_cast<size_t>(phase) * taps_], &window_[first], taps_);
    phase = phase + 1 == to_ ? 0 : phase + 1;
    place += from_ / to_;
    remainder += from_ % to_;
    if (remainder >= to_) remainder -= to_, ++place;
  }
  const int64_t unused =
      std::min(place - (reach_ - 1) - window_start_, static_cast<int64_t>(window_.size()));
  if (unused > 0) {
    window_.erase(window_.begin(), window_.begin() + unused);
    window_start_ += unused;
  }
}

std::vector<float> resample(std::span<const float> samples, int from, int to) {
  Resampler resampler(from, to);
  std::vector<float> out;
  out.reserve(samples.size() * static_cast<size_t>(to) / static_cast<size_t>(from) + 1);
  // In blocks that stay in the cache: the resampler keeps a copy of what it is working on.
  for (size_t at = 0; at < samples.size(); at += kBlock) {
    resampler.push(samples.subspan(at, std::min(kBlock, samples.size() - at)), out);
  }
  resampler.finish(out);
  return out;
}

}  // namespace echo
