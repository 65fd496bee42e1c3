// The matmuls of a diffusion step and nothing else, as the yardstick of the step.
#pragma once

#include <memory>
#include <random>
#include <vector>

#include "tensor/ops.h"

namespace echo::bench {

// Matmuls of one DiT layer: width C, MLP width F, rows N. Several copies of the weights take
// turns, so that they come from memory as they do in the model.
class BareMatmuls {
 public:
  // dtype: of the activations; stored: of the weights, as Backend::pack takes it.
  BareMatmuls(Backend& backend, DType dtype, DType stored, int64_t width, int64_t mlp_width)
      : dtype_(dtype), stored_(stored) {
    const std::vector<float> noise = make_noise(width * mlp_width);
    for (int copy = 0; copy < kCopies; ++copy) {
      Layer layer;
      for (int i = 0; i < 5; ++i) layer.square.push_back(pack(backend, noise, width, width));
      layer.up = {pack(backend, noise, mlp_width, width), pack(backend, noise, mlp_width, width)};
      layer.down = pack(backend, noise, width, mlp_width);
      layers_.push_back(std::move(layer));
    }
  }

  // Runs the matmuls of `layers` layers on `rows` rows.
  void run(Backend& backend, int64_t rows, int64_t layers) const {
    const Layer& first = layers_.front();
    const Tensor x = zeros(backend, rows, first.down->out(), dtype_);
    const Tensor hidden = zeros(backend, rows, first.down->in(), dtype_);
    for (int64_t i = 0; i < layers; ++i) {
      const Layer& layer = layers_[static_cast<size_t>(i) % layers_.size()];
      for (size_t j = 0; j < layer.square.size(); ++j) {
        linear(x, *layer.square[j], {}, j == 4 ? DType::kFloat32 : dtype_);
      }
      for (const auto& up : layer.up) linear(x, *up, {}, dtype_);
      linear(hidden, *layer.down, {}, DType::kFloat32);
    }
  }

  double flops(int64_t rows, int64_t layers) const {
    const double width = static_cast<double>(layers_.front().down->out());
    const double mlp = static_cast<double>(layers_.front().down->in());
    return 2.0 * static_cast<double>(rows * layers) * (5 * width * width + 3 * width * mlp);
  }

 private:
  static constexpr int kCopies = 4;
  struct Layer {
    std::vector<std::shared_ptr<PackedWeights>> square, up;
    std::shared_ptr<PackedWeights> down;
  };

  static std::vector<float> make_noise(int64_t n) {
    std::mt19937 random(1);
    std::vector<float> values(static_cast<size_t>(n));
    for (float& value : values) value = static_cast<float>(random() % 1000) / 1e5f - 0.005f;
    return values;
  }
  std::shared_ptr<PackedWeights> pack(Backend& backend, const std::vector<float>& noise,
                                      int64_t out, int64_t in) const {
    return backend.pack({noise.data(), DType::kFloat32, out, in}, 1, 1, stored_);
  }

  DType dtype_, stored_;
  std::vector<Layer> layers_;
};

}  // namespace echo::bench
