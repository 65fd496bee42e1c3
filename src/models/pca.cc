#include "models/pca.h"

#include <vector>

namespace echo {

Pca::Pca(Backend& backend, const PcaState& state) {
  const int64_t latent = state.latent_size, width = state.width;
  const std::vector<float>& components = state.components;
  std::vector<float> forward(components.size()), back(components.size());
  std::vector<float> bias(static_cast<size_t>(latent));
  for (int64_t i = 0; i < latent; ++i) {
    double offset = 0;
    for (int64_t j = 0; j < width; ++j) {
      const float c = components[static_cast<size_t>(i * width + j)];
      offset += static_cast<double>(c) * state.mean[static_cast<size_t>(j)];
      forward[static_cast<size_t>(i * width + j)] = c * state.scale;
      back[static_cast<size_t>(j * latent + i)] = c / state.scale;
    }
    bias[static_cast<size_t>(i)] = static_cast<float>(-offset * state.scale);
  }
  const LayerContext context{backend, DType::kFloat32};
  forward_ = Linear(context, forward, latent, width, bias);
  back_ = Linear(context, back, width, latent, state.mean);
}

}  // namespace echo
