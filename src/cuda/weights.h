// Weights on the device.
#pragma once

#include "cuda/view.h"
#include "tensor/tensor.h"

namespace echo::cuda {

// In the type that they are multiplied in: rows of outputs, columns [tap][input], contiguous.
class DenseWeights : public PackedWeights {
 public:
  DenseWeights(const HostWeights& weights, int64_t stride, int64_t dilation, const Tensor& packed)
      : PackedWeights(weights, stride, dilation, packed.dtype()), packed_(packed) {}
  View view() const { return cuda::view(packed_); }

 private:
  Tensor packed_;
};

}  // namespace echo::cuda
