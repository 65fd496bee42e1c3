#include "models/pca_state.h"

#include <cmath>

#include "base/error.h"
#include "checkpoint/tensor_layout.h"

namespace echo {

PcaState read_pca_state(const Weights& root) {
  SizeReader sizes(root);
  PcaState state;
  state.latent_size = sizes.size("pca_components", 0, 2);
  state.width = sizes.size("pca_components", 1, 2);
  sizes.finish();

  const TensorView* scale = root.find("latent_scale");
  const bool scalar = scale && scale->shape.empty();
  const std::vector<TensorSpec> layout = {
      {"pca_components", {state.latent_size, state.width}, WeightNorm::kNone},
      {"pca_mean", {state.width}, WeightNorm::kNone},
      {"latent_scale", scalar ? std::vector<int64_t>{} : std::vector<int64_t>{1},
       WeightNorm::kNone}};
  check_layout(root, layout);

  state.components = root.tensor("pca_components").to_float32();
  state.mean = root.tensor("pca_mean").to_float32();
  state.scale = scale->to_float32()[0];
  if (!std::isfinite(state.scale) || state.scale == 0) {
    throw_corrupt(scale->label() + ": found " + std::to_string(state.scale) +
                  ", expected a finite number other than 0");
  }
  return state;
}

}  // namespace echo
