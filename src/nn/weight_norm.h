// Weight normalisation: a convolution's weight stored as direction and length.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "nn/weights.h"

namespace echo {

// How a checkpoint names a layer's weight.
enum class WeightNorm {
  kNone,          // weight
  kParametrized,  // parametrizations.weight.original0 (g), .original1 (v)
  kLegacy,        // weight_g, weight_v
};

struct WeightNormNames {
  std::string_view g;  // (out, 1, 1)
  std::string_view v;  // the shape of the weight
};
// Names below the layer, for kParametrized and kLegacy.
WeightNormNames weight_norm_names(WeightNorm style);

// The style that a layer's tensors have; kNone also when it has no weight at all. A pair of which
// only one half is there counts as its style.
WeightNorm weight_norm_style(const Weights& layer);

struct FoldedWeight {
  std::vector<int64_t> shape;
  std::vector<float> values;
};

// The weight that a layer multiplies with: g * v / ||v|| with the norm over all axes but the first
// (which for a transposed convolution is the input channels), or `weight` as it is.
// Errors: kNotFound without a weight; kCorrupt when g does not have one value for each row of v, or
// a row of v is all zero.
FoldedWeight fold_weight_norm(const Weights& layer);

}  // namespace echo
