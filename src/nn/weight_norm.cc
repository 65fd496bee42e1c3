#include "nn/weight_norm.h"

#include <cmath>

#include "base/error.h"

namespace echo {

WeightNormNames weight_norm_names(WeightNorm style) {
  switch (style) {
    case WeightNorm::kParametrized:
      return {"parametrizations.weight.original0", "parametrizations.weight.original1"};
    case WeightNorm::kLegacy:
      return {"weight_g", "weight_v"};
    case WeightNorm::kNone:
      break;
  }
  throw_internal("a layer without weight norm has no g and v");
}

WeightNorm weight_norm_style(const Weights& layer) {
  for (const WeightNorm style : {WeightNorm::kParametrized, WeightNorm::kLegacy}) {
    const WeightNormNames names = weight_norm_names(style);
    if (layer.has(names.g) || layer.has(names.v)) return style;
  }
  return WeightNorm::kNone;
}

FoldedWeight fold_weight_norm(const Weights& layer) {
  const WeightNorm style = weight_norm_style(layer);
  if (style == WeightNorm::kNone) {
    const TensorView& weight = layer.tensor("weight");
    return {weight.shape, weight.to_float32()};
  }
  const WeightNormNames names = weight_norm_names(style);
  const TensorView& g = layer.tensor(names.g);
  const TensorView& v = layer.tensor(names.v);
  if (v.shape.empty()) throw_corrupt(v.label() + ": found a scalar, expected a weight");
  const int64_t rows = v.shape[0];
  std::vector<int64_t> lengths_shape(v.shape.size(), 1);
  lengths_shape[0] = rows;
  expect_shape(g, lengths_shape);

  const std::vector<float> lengths = g.to_float32();
  FoldedWeight folded{v.shape, v.to_float32()};
  const int64_t row_size = rows == 0 ? 0 : v.elements() / rows;
  for (int64_t row = 0; row < rows; ++row) {
    float* values = folded.values.data() + row * row_size;
    double squares = 0;
    for (int64_t i = 0; i < row_size; ++i) squares += double{values[i]} * double{values[i]};
    if (squares == 0) {
      throw_corrupt(v.label() + ": row " + std::to_string(row) +
                    " is all zero, so it has no direction");
    }
    const double factor = double{lengths[static_cast<size_t>(row)]} / std::sqrt(squares);
    for (int64_t i = 0; i < row_size; ++i) {
      values[i] = static_cast<float>(double{values[i]} * factor);
    }
  }
  return folded;
}

}  // namespace echo
