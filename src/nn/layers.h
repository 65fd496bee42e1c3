// Layers: weights in a backend, applied by tensor/ops.h.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nn/weights.h"
#include "tensor/ops.h"

namespace echo {

// What a model's layers are built with.
struct LayerContext {
  Backend& backend;
  // Matrices are stored and multiplied in this type; norms and residual streams stay float32.
  DType precision = DType::kFloat32;
  // The large matrices of a checkpoint are stored in this narrower type, see Backend::packs.
  std::optional<DType> quantized = std::nullopt;

  DType stored() const { return quantized.value_or(precision); }
  // The same with all matrices as wide as they are multiplied.
  LayerContext wide() const { return {backend, precision}; }
};

// Shown the value of a stage of a model under the stage's name, to compare it with known values.
using Probe = std::function<void(const std::string& stage, const Tensor& value)>;

// y = x w^T + b. Holds `weight` (out, in) and, when the checkpoint has it, `bias` (out).
class Linear {
 public:
  Linear() = default;
  Linear(const LayerContext& context, const Weights& w);
  // The outputs of several scopes side by side; more than one where the backend stacks matrices.
  // Errors: kCorrupt when their inputs differ.
  Linear(const LayerContext& context, std::span<const Weights> scopes);
  // From host values: weight (out, in) float32, bias (out) or empty.
  Linear(const LayerContext& context, std::span<const float> weight, int64_t out, int64_t in,
         std::span<const float> bias);

  // x is converted to the weights' type when it has another.
  Tensor operator()(const Tensor& x, DType out) const;
  // to += this(x).
  void add_to(const Tensor& x, const Tensor& to) const;
  int64_t out() const { return weight_->out(); }
  int64_t in() const { return weight_->in(); }
  DType dtype() const { return weight_->dtype(); }

 private:
  std::shared_ptr<PackedWeights> weight_;
  Tensor bias_;
};

// Several matrices of the same input, y_i = x w_i^T + b_i: one wide matmul where the backend
// computes that faster than several.
class LinearGroup {
 public:
  // names: of w's scopes that hold them.
  LinearGroup(const LayerContext& context, const Weights& w,
              std::initializer_list<std::string_view> names);

  // A tensor for each name. They may be columns of one tensor.
  std::vector<Tensor> operator()(const Tensor& x, DType out) const;
  DType dtype() const { return products_.front().dtype(); }

 private:
  std::vector<Linear> products_;  // one of all, or one for each
  std::vector<int64_t> widths_;   // outputs of each
};

// One row of float32 in the backend: norm weights, biases, gammas, alphas.
Tensor load_vector(const LayerContext& context, const TensorView& values);
// (rows, cols) float32 in the backend.
Tensor load_matrix(const LayerContext& context, const TensorView& values);

// A convolution over time that sees only the past, run piece by piece: the rows of earlier pieces
// that later ones need are kept in a State. Pieces give exactly what one call with all rows gives.
class CausalConv1d {
 public:
  // weight (out, in, taps) float32 on the host, bias (out).
  CausalConv1d() = default;
  CausalConv1d(const LayerContext& context, std::span<const float> weight, int64_t out, int64_t in,
               int64_t taps, std::span<const float> bias, int64_t stride, int64_t dilation);

  // The last rows of what came before; empty at the start, where they are zero.
  using State = Tensor;

  int64_t context_rows() const;  // dilation * (taps - 1) + 1 - stride
  DType dtype() const { return weight_->dtype(); }
  int64_t in() const { return weight_->in(); }
  int64_t out() const { return weight_->out(); }
  int64_t stride() const { return weight_->stride(); }

  // An input of `rows` new rows to write into with its context in front: fill
  // `input.row_range(context_rows(), rows)`, then call.
  Tensor input(Backend& backend, const State& state, int64_t rows) const;
  // input as made by input(); rows must be a multiple of the stride. Updates the state.
  Tensor operator()(const Tensor& input, State& state, DType out) const;
  void add_to(const Tensor& input, State& state, const Tensor& to) const;

 private:
  void keep(const Tensor& input, State& state) const;
  std::shared_ptr<PackedWeights> weight_;
  Tensor bias_;
};

}  // namespace echo
