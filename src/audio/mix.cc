#include "audio/mix.h"

#include <algorithm>
#include <cstdint>
#include <type_traits>

namespace echo {
namespace {

template <typename T>
float to_float(T value) {
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<float>(value);
  } else if constexpr (std::is_same_v<T, uint8_t>) {
    return static_cast<float>(value - 128) / 128.0F;
  } else {
    constexpr double kScale = 1.0 / (static_cast<double>(uint64_t{1} << (sizeof(T) * 8 - 1)));
    return static_cast<float>(static_cast<double>(value) * kScale);
  }
}

template <typename T>
void append(const AVFrame& frame, bool planar, std::vector<float>& mono, MixEnergy& energy,
            std::optional<size_t> only) {
  const auto channels = static_cast<size_t>(frame.ch_layout.nb_channels);
  const auto samples = static_cast<size_t>(frame.nb_samples);
  const size_t start = mono.size();
  mono.resize(start + samples, 0.0F);
  energy.channels.resize(std::max(energy.channels.size(), channels));
  float* out = mono.data() + start;
  for (size_t c = 0; c < channels; ++c) {
    if (only && c != *only) continue;
    const T* in = reinterpret_cast<const T*>(frame.extended_data[planar ? c : 0]);
    const size_t step = planar ? 1 : channels;
    if (!planar) in += c;
    double sum = 0;
    for (size_t i = 0; i < samples; ++i) {
      const float x = to_float(in[i * step]);
      out[i] += x;
      sum += double{x} * x;
    }
    energy.channels[c] += sum;
  }
  if (channels > 1 && !only) {
    for (size_t i = 0; i < samples; ++i) out[i] /= static_cast<float>(channels);
  }
  for (size_t i = 0; i < samples; ++i) energy.mean += double{out[i]} * out[i];
}

}  // namespace

size_t MixEnergy::loudest() const {
  return static_cast<size_t>(std::max_element(channels.begin(), channels.end()) - channels.begin());
}

bool MixEnergy::cancels() const {
  constexpr double kMin = 0.01;
  return channels.size() > 1 && mean < kMin * channels[loudest()];
}

bool append_mono(const AVFrame& frame, std::vector<float>& mono, MixEnergy& energy,
                 std::optional<size_t> only) {
  const auto format = static_cast<AVSampleFormat>(frame.format);
  const bool planar = av_sample_fmt_is_planar(format) != 0;
  switch (av_get_packed_sample_fmt(format)) {
    case AV_SAMPLE_FMT_U8:
      append<uint8_t>(frame, planar, mono, energy, only);
      return true;
    case AV_SAMPLE_FMT_S16:
      append<int16_t>(frame, planar, mono, energy, only);
      return true;
    case AV_SAMPLE_FMT_S32:
      append<int32_t>(frame, planar, mono, energy, only);
      return true;
    case AV_SAMPLE_FMT_S64:
      append<int64_t>(frame, planar, mono, energy, only);
      return true;
    case AV_SAMPLE_FMT_FLT:
      append<float>(frame, planar, mono, energy, only);
      return true;
    case AV_SAMPLE_FMT_DBL:
      append<double>(frame, planar, mono, energy, only);
      return true;
    default:
      return false;
  }
}

}  // namespace echo
