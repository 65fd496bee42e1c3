// Weights out of a generator, for models that make noise where a trained one would speak.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "checkpoint/tensor_layout.h"

namespace echo {

// FNV-1a with 64 bits.
uint64_t fnv1a64(std::string_view bytes);

// Output `index` (from 0) of SplitMix64 started with `seed`.
uint64_t splitmix64(uint64_t seed, uint64_t index);

// A tensor's values are spread evenly over [offset - scale, offset + scale).
struct Distribution {
  float offset = 0;
  float scale = 0;
};

// How the weights are spread so that activations keep their size through any number of layers of
// any width. s1_dac_distribution gives a weight-normed layer's direction v; s1_dac_length its g.
Distribution echo_dit_distribution(const TensorSpec& spec);
Distribution s1_dac_distribution(const TensorSpec& spec);
Distribution s1_dac_length(const TensorSpec& spec);

// The prefix of the recorded data whose weights are generated instead of stored.
inline constexpr std::string_view kGoldenWeightPrefix = "echo-golden-v1/";

// The values of one tensor. Any part can be made on its own, by any thread.
class RandomTensor {
 public:
  // Value i is float32(offset + scale f), with f = k 2^-23 - 1 and k the upper 24 bits of output i
  // of SplitMix64 seeded with the FNV-1a hash of prefix + name.
  RandomTensor(std::string_view prefix, std::string_view name, const Distribution& distribution);

  // Values first, first + 1, ...
  void values(uint64_t first, std::span<float> out) const;
  // The same rounded to bfloat16, ties to even.
  void values(uint64_t first, std::span<uint16_t> out) const;

 private:
  float value(uint64_t index) const;

  uint64_t seed_;
  double offset_, scale_;
};

}  // namespace echo
