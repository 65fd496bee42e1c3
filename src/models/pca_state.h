// The linear map between the codec's latents and the model's.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/weights.h"

namespace echo {

struct PcaState {
  int64_t latent_size = 0;        // 80
  int64_t width = 0;              // of the codec's latents
  std::vector<float> components;  // (latent_size, width)
  std::vector<float> mean;        // (width)
  float scale = 0;                // latent = (z - mean) components^T scale
};

// Reads pca_components, pca_mean and latent_scale (a scalar, or one value in one axis).
// Errors: kCorrupt when a tensor is missing, misshapen, or the scale is zero or not finite.
PcaState read_pca_state(const Weights& root);

}  // namespace echo
