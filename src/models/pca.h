// The change of basis between the codec's z_q and the latents that the transformer speaks.
#pragma once

#include "models/pca_state.h"
#include "nn/layers.h"

namespace echo {

// latent = (z_q - mean) components^T * scale, and back. Always float32.
class Pca {
 public:
  Pca(Backend& backend, const PcaState& state);

  Tensor to_latent(const Tensor& z_q) const { return forward_(z_q, DType::kFloat32); }
  Tensor to_z_q(const Tensor& latent) const { return back_(latent, DType::kFloat32); }
  int64_t latent_size() const { return forward_.out(); }
  int64_t width() const { return forward_.in(); }

 private:
  Linear forward_, back_;
};

}  // namespace echo
