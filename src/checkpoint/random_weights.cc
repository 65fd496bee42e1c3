#include "checkpoint/random_weights.h"

#include <cmath>
#include <string>

#include "tensor/dtype.h"

namespace echo {
namespace {

// The scale that gives the outputs of a layer `gain` times the size of its inputs, when the inputs
// are independent: a value spread over [-s, s) has variance s^2 / 3.
float fan_in_scale(double gain, int64_t fan_in) {
  return static_cast<float>(gain * std::sqrt(3.0 / static_cast<double>(fan_in)));
}

int64_t fan_in(std::span<const int64_t> shape) {
  int64_t product = 1;
  for (const int64_t dim : shape.subspan(1)) product *= dim;
  return product;
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

// Norm weights, gammas and snake alphas of a trained model differ from channel to channel.
constexpr Distribution kAroundOne{1, 0.35f};
constexpr Distribution kBias{0, 0.17f};

}  // namespace

Distribution echo_dit_distribution(const TensorSpec& spec) {
  const std::string_view name = spec.name;
  if (name.ends_with("norm.weight")) return {1, 0.3f};
  if (name.ends_with(".bias")) return {0, 0.2f};
  if (name.ends_with("text_embedding.weight")) return {0, 1.75f};
  double gain = 1;
  if (contains(name, "cond_module.0.") || contains(name, "cond_module.2.")) gain = 1.5;
  if (contains(name, "cond_module.4.")) gain = 1.25;
  if (name.ends_with("encoder.in_proj.weight")) gain = 6;  // the model divides by 6 after it
  // What attention averages and the MLP multiplies is smaller than what goes in.
  if (contains(name, ".wv") || contains(name, ".wo.") || contains(name, ".mlp.w2.")) gain = 2;
  return {0, fan_in_scale(gain, fan_in(spec.shape))};
}

Distribution s1_dac_distribution(const TensorSpec& spec) {
  const std::string_view name = spec.name;
  if (spec.norm != WeightNorm::kNone) return {0, 1};  // only the direction counts
  if (name.ends_with(".bias")) return kBias;
  if (name.ends_with(".alpha")) return {1.25f, 0.75f};
  if (name.ends_with(".gamma")) return {0.5f, 0.35f};
  if (name.ends_with("codebook.weight")) return {0, 1.75f};
  // Large enough that the codebooks take it apart in several steps.
  if (name.ends_with("pre_module.norm.weight")) return {6, 2};
  if (name.ends_with("norm.weight")) return kAroundOne;
  double gain = 1;
  if (name.ends_with("attention.wo.weight") || name.ends_with("w2.weight")) gain = 3;
  // A transposed convolution: the second axis is the output, and each output sees half the taps.
  if (contains(name, "upsample.") && name.ends_with(".0.conv.weight")) gain = std::sqrt(2.0);
  return {0, fan_in_scale(gain, fan_in(spec.shape))};
}

Distribution s1_dac_length(const TensorSpec& spec) {
  const std::string_view name = spec.name;
  const int64_t kernel = spec.shape[2];
  double length = 1;  // the norm of a row is the gain, whatever the width
  if (spec.norm == WeightNorm::kLegacy) {
    length = contains(name, "out_proj.") ? 2.5 : 1;
  } else if (name.starts_with("encoder.block.0.")) {
    length = 7;  // samples of speech are small
  } else if (spec.shape[0] == 1) {
    length = 0.12;  // into the final tanh
  } else if (kernel == 1) {
    length = 0.5;  // the end of a residual unit
  } else if (name.starts_with("decoder.") && kernel % 2 == 0) {
    // Transposed: a row spreads over all outputs and taps. Halves the power, since residual units
    // raise it again.
    length = std::sqrt(static_cast<double>(kernel) / 8);
  }
  return {static_cast<float>(length), static_cast<float>(0.35 * length)};
}

uint64_t fnv1a64(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char byte : bytes) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
  }
  return hash;
}

uint64_t splitmix64(uint64_t seed, uint64_t index) {
  uint64_t z = seed + (index + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

RandomTensor::RandomTensor(std::string_view prefix, std::string_view name,
                           const Distribution& distribution)
    : seed_(fnv1a64(std::string(prefix) + std::string(name))),
      offset_(distribution.offset),
      scale_(distribution.scale) {}

inline float RandomTensor::value(uint64_t index) const {
  const auto k = static_cast<int64_t>(splitmix64(seed_, index) >> 40);
  const double f = static_cast<double>(k) * 0x1p-23 - 1.0;  // exact, as are product and sum below
  return static_cast<float>(offset_ + scale_ * f);
}

void RandomTensor::values(uint64_t first, std::span<float> out) const {
  for (size_t i = 0; i < out.size(); ++i) out[i] = value(first + i);
}

void RandomTensor::values(uint64_t first, std::span<uint16_t> out) const {
  for (size_t i = 0; i < out.size(); ++i) out[i] = float_to_bfloat16(value(first + i));
}

}  // namespace echo
