#include "nn/layers.h"

#include <deque>
#include <vector>

#include "base/error.h"

namespace echo {
namespace {

// A stored matrix as a backend takes it: where it lies if the backend can use it there or read it,
// else its values, row by row.
class HostMatrix {
 public:
  HostMatrix(const LayerContext& context, const TensorView& tensor, const Weights& w)
      : tensor_(tensor) {
    if (!tensor.layout.empty() &&
        tensor.layout ==
            context.backend.packed_layout(tensor.shape[0], tensor.shape[1], context.stored())) {
      layout_ = tensor.layout;
    }
    const bool readable = tensor.layout.empty() || !layout_.empty();
    if (readable && (tensor.dtype == FileDType::kFloat32 || tensor.dtype == FileDType::kBFloat16)) {
      data_ = tensor.bytes.data();
      dtype_ = tensor.dtype == FileDType::kFloat32 ? DType::kFloat32 : DType::kBFloat16;
      // A backend may pack it later; the last to let go gives the pages back.
      owner_ = std::shared_ptr<const void>(
          data_, [file = w.owner(), &tensor](const void*) { release_pages(tensor); });
    } else {
      widened_ = tensor.to_float32();
      data_ = widened_.data();
    }
  }
  ~HostMatrix() {
    if (!owner_) release_pages(tensor_);
  }
  HostMatrix(const HostMatrix&) = delete;
  HostMatrix& operator=(const HostMatrix&) = delete;

  HostWeights weights() const {
    return {data_, dtype_, tensor_.shape[0], tensor_.shape[1], 1, layout_, owner_};
  }

 private:
  const TensorView& tensor_;
  std::string_view layout_;
  std::shared_ptr<const void> owner_;
  std::vector<float> widened_;
  const void* data_ = nullptr;
  DType dtype_ = DType::kFloat32;
};

const TensorView& matrix_of(const Weights& w) {
  const TensorView& weight = w.tensor("weight");
  if (weight.shape.size() != 2) {
    throw_corrupt(weight.label() + ": " + std::to_string(weight.shape.size()) +
                  " dimensions found, 2 expected");
  }
  return weight;
}

// Adds the scope's bias of `out` values, or zeros.
void append_bias(const Weights& w, int64_t out, std::vector<float>& to) {
  const TensorView* bias = w.find("bias");
  if (!bias) {
    to.resize(to.size() + static_cast<size_t>(out));
    return;
  }
  if (bias->elements() != out) {
    throw_corrupt(bias->label() + ": " + std::to_string(bias->elements()) + " values found, " +
                  std::to_string(out) + " expected");
  }
  const std::vector<float> values = bias->to_float32();
  to.insert(to.end(), values.begin(), values.end());
}

Tensor bias_row(Backend& backend, std::span<const float> bias, int64_t out) {
  return bias.empty() ? Tensor() : from_host(backend, bias, 1, out);
}

}  // namespace

Linear::Linear(const LayerContext& context, const Weights& w) : Linear(context, std::span(&w, 1)) {}

Linear::Linear(const LayerContext& context, std::span<const Weights> scopes) {
  std::deque<HostMatrix> matrices;
  std::vector<HostWeights> weights;
  std::vector<float> bias;
  bool biased = false;
  for (const Weights& w : scopes) {
    const TensorView& weight = matrix_of(w);
    if (!weights.empty() && weight.shape[1] != weights[0].in) {
      throw_corrupt(weight.label() + ": " + std::to_string(weight.shape[1]) + " inputs found, " +
                    std::to_string(weights[0].in) + " expected");
    }
    weights.push_back(matrices.emplace_back(context, weight, w).weights());
    append_bias(w, weight.shape[0], bias);
    biased = biased || w.has("bias");
  }
  weight_ = weights.size() == 1 ? context.backend.pack(weights[0], 1, 1, context.stored())
                                : context.backend.pack_stacked(weights, context.stored());
  if (biased) bias_ = bias_row(context.backend, bias, weight_->out());
}

Linear::Linear(const LayerContext& context, std::span<const float> weight, int64_t out, int64_t in,
               std::span<const float> bias)
    : weight_(
          context.backend.pack({weight.data(), DType::kFloat32, out, in}, 1, 1, context.precision)),
      bias_(bias_row(context.backend, bias, out)) {}

Tensor Linear::operator()(const Tensor& x, DType out) const {
  return linear(cast(x, dtype()), *weight_, bias_, out);
}

void Linear::add_to(const Tensor& x, const Tensor& to) const {
  linear_add(cast(x, dtype()), *weight_, bias_, to);
}

LinearGroup::LinearGroup(const LayerContext& context, const Weights& w,
                         std::initializer_list<std::string_view> names) {
  std::vector<Weights> scopes;
  for (const std::string_view name : names) {
    scopes.push_back(w[name]);
    widths_.push_back(matrix_of(scopes.back()).shape[0]);
  }
  if (context.backend.stacks_matrices(context.stored())) {
    products_.emplace_back(context, scopes);
  } else {
    for (const Weights& scope : scopes) products_.emplace_back(context, scope);
  }
}

std::vector<Tensor> LinearGroup::operator()(const Tensor& x, DType out) const {
  const Tensor input = cast(x, dtype());
  std::vector<Tensor> results;
  if (products_.size() == widths_.size()) {
    for (const Linear& linear : products_) results.push_back(linear(input, out));
    return results;
  }
  const Tensor all = products_[0](input, out);
  int64_t begin = 0;
  for (const int64_t width : widths_) {
    results.push_back(all.column_range(begin, width));
    begin += width;
  }
  return results;
}

Tensor load_vector(const LayerContext& context, const TensorView& values) {
  return from_host(context.backend, values.to_float32(), 1, values.elements());
}

Tensor load_matrix(const LayerContext& context, const TensorView& values) {
  const int64_t cols = values.shape.empty() ? 1 : values.shape.back();
  return from_host(context.backend, values.to_float32(), cols ? values.elements() / cols : 0, cols);
}

CausalConv1d::CausalConv1d(const LayerContext& context, std::span<const float> weight, int64_t out,
                           int64_t in, int64_t taps, std::span<const float> bias, int64_t stride,
                           int64_t dilation)
    : weight_(context.backend.pack({weight.data(), DType::kFloat32, out, in, taps}, stride,
                                   dilation, context.precision)),
      bias_(bias_row(context.backend, bias, out)) {}

int64_t CausalConv1d::context_rows() const {
  return weight_->dilation() * (weight_->taps() - 1) + 1 - weight_->stride();
}

Tensor CausalConv1d::input(Backend& backend, const State& state, int64_t rows) const {
  Tensor result = empty(backend, context_rows() + rows, in(), dtype());
  const Tensor context = result.row_range(0, context_rows());
  if (context.empty()) return result;
  if (state.empty()) {
    backend.fill_zero(context);
  } else {
    copy(state, context);
  }
  return result;
}

void CausalConv1d::keep(const Tensor& input, State& state) const {
  if (context_rows() == 0) return;
  const Tensor last = input.row_range(input.rows() - context_rows(), context_rows());
  // A copy, so that the input's memory is free again.
  state = echo::empty(input.backend(), last.rows(), last.cols(), last.dtype());
  copy(last, state);
}

Tensor CausalConv1d::operator()(const Tensor& input, State& state, DType out) const {
  Tensor result = conv1d(input, *weight_, bias_, out);
  keep(input, state);
  return result;
}

void CausalConv1d::add_to(const Tensor& input, State& state, const Tensor& to) const {
  conv1d_add(input, *weight_, bias_, to);
  keep(input, state);
}

}  // namespace echo
