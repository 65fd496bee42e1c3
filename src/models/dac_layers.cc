#include "models/dac_layers.h"

#include <span>

#include "base/error.h"
#include "checkpoint/s1_dac_layout.h"
#include "nn/weight_norm.h"

namespace echo {
namespace {

// x behind the last rows of what came before (zeros at the start); keeps the rows that come next.
Tensor with_context(const Tensor& x, int64_t context, Tensor& state) {
  const Tensor all = empty(x.backend(), context + x.rows(), x.cols(), x.dtype());
  if (state.empty()) state = zeros(x.backend(), context, x.cols(), x.dtype());
  copy(state, all.row_range(0, context));
  copy(x, all.row_range(context, x.rows()));
  // A new tensor: a copy of the state, made before, keeps what it has.
  state = empty(x.backend(), context, x.cols(), x.dtype());
  copy(all.row_range(x.rows(), context), state);
  return all;
}

// A convolution's weights on the host, weight norm folded.
struct ConvWeights {
  explicit ConvWeights(const Weights& w)
      : weight(fold_weight_norm(w)), bias(w.tensor("bias").to_float32()) {
    for (const std::string_view name :
         {"parametrizations.weight.original1", "weight_v", "weight"}) {
      if (const TensorView* read = w.find(name)) release_pages(*read);
    }
  }
  // Of a transposed convolution the first axis is the input's, the second the output's.
  int64_t first() const { return weight.shape[0]; }
  int64_t second() const { return weight.shape[1]; }
  int64_t taps() const { return weight.shape[2]; }
  std::span<const float> values() const { return weight.values; }

  FoldedWeight weight;
  std::vector<float> bias;
};

// Taps [from, from + rate) of transposed weights (in, out, taps) as rows (rate * out) of `in`
// elements that are `step` apart, starting at `to`.
void turn(const ConvWeights& c, int64_t from, int64_t rate, int64_t step, float* to) {
  for (int64_t o = 0; o < c.second(); ++o) {
    for (int64_t j = 0; j < rate; ++j) {
      const float* tap = c.values().data() + o * c.taps() + from + j;
      float* row = to + (j * c.second() + o) * c.first() * step;
      for (int64_t i = 0; i < c.first(); ++i) row[i * step] = tap[i * c.second() * c.taps()];
    }
  }
}

// The bias of each of the rows that are made at a time.
std::vector<float> repeated(const std::vector<float>& bias, int64_t times) {
  std::vector<float> result;
  for (int64_t i = 0; i < times; ++i) result.insert(result.end(), bias.begin(), bias.end());
  return result;
}

CausalConv1d make_conv(const LayerContext& context, const ConvWeights& c, int64_t stride,
                       int64_t dilation) {
  return CausalConv1d(context, c.values(), c.first(), c.second(), c.taps(), c.bias, stride,
                      dilation);
}

}  // namespace

void CodecHooks::check_cancelled() const {
  if (stop.stop_requested()) throw Error(ErrorCode::kCancelled, "codec: cancelled");
}

Tensor snake_conv(const Tensor& x, const Tensor& alpha, const CausalConv1d& conv,
                  CausalConv1d::State& state, DType out) {
  const Tensor input = conv.input(x.backend(), state, x.rows());
  snake(x, alpha, input.row_range(conv.context_rows(), x.rows()));
  return conv(input, state, out);
}

CausalConv1d load_conv(const LayerContext& context, const Weights& w, int64_t dilation) {
  return make_conv(context, ConvWeights(w), 1, dilation);
}

CausalConv1d load_strided_conv(const LayerContext& context, const Weights& w, int64_t overlap) {
  const ConvWeights c(w);
  return make_conv(context, c, c.taps() / overlap, 1);
}

Linear load_pointwise(const LayerContext& context, const Weights& w) {
  const ConvWeights c(w);
  return Linear(context, c.values(), c.first(), c.second(), c.bias);
}

Linear load_transposed_pointwise(const LayerContext& context, const Weights& w) {
  const ConvWeights c(w);
  std::vector<float> matrix(c.values().size());
  turn(c, 0, c.taps(), 1, matrix.data());
  return Linear(context, matrix, c.taps() * c.second(), c.first(), repeated(c.bias, c.taps()));
}

TransposedConv::TransposedConv(const LayerContext& context, const Weights& w) {
  const ConvWeights c(w);
  rate_ = c.taps() / 2;
  std::vector<float> kernel(c.values().size());
  turn(c, rate_, rate_, 2, kernel.data());  // of the row before
  turn(c, 0, rate_, 2, kernel.data() + 1);  // of the row itself
  conv_ = CausalConv1d(context, kernel, rate_ * c.second(), c.first(), 2, repeated(c.bias, rate_),
                       1, 1);
}

Tensor TransposedConv::operator()(const Tensor& x, const Tensor& alpha,
                                  CausalConv1d::State& state) const {
  return snake_conv(x, alpha, conv_, state, DType::kFloat32).split_rows(rate_);
}

ResidualUnit::ResidualUnit(const LayerContext& context, const Weights& w, int64_t dilation)
    : alpha0_(load_vector(context, w.tensor("0.alpha"))),
      conv1_(load_conv(context, w[1]["conv"], dilation)),
      alpha2_(load_vector(context, w.tensor("2.alpha"))),
      conv3_(load_pointwise(context, w[3]["conv"])) {}

void ResidualUnit::operator()(const Tensor& x, State& state) const {
  const Tensor y = snake_conv(x, alpha0_, conv1_, state, DType::kFloat32);
  conv3_.add_to(snake(y, alpha2_, conv3_.dtype()), x);
}

std::vector<ResidualUnit> load_residual_units(const LayerContext& context, const Weights& w,
                                              int64_t first) {
  std::vector<ResidualUnit> units;
  for (const int64_t dilation : {1, 3, 9}) {
    units.emplace_back(context, w[first++]["block"], dilation);
  }
  return units;
}

ConvNext::ConvNext(const LayerContext& context, const Weights& w)
    : dwconv_bias_(load_vector(context, w.tensor("dwconv.conv.bias"))),
      norm_weight_(load_vector(context, w.tensor("norm.weight"))),
      norm_bias_(load_vector(context, w.tensor("norm.bias"))),
      pwconv1_(context, w["pwconv1"]),
      pwconv2_(context, w["pwconv2"]),
      gamma_(load_vector(context, w.tensor("gamma"))) {
  const TensorView& view = w.tensor("dwconv.conv.weight");  // (C, 1, taps)
  const int64_t channels = view.shape.at(0), taps = view.shape.at(2);
  const std::vector<float> values = view.to_float32();
  std::vector<float> by_tap(values.size());
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t j = 0; j < taps; ++j) {
      by_tap[static_cast<size_t>(j * channels + c)] = values[static_cast<size_t>(c * taps + j)];
    }
  }
  dwconv_weight_ = from_host(context.backend, by_tap, taps, channels);
}

void ConvNext::operator()(const Tensor& x, State& state) const {
  const Tensor input = with_context(x, dwconv_weight_.rows() - 1, state);
  const Tensor y = layer_norm(depthwise_conv1d(input, dwconv_weight_, dwconv_bias_), norm_weight_,
                              norm_bias_, kConvNextNormEps, pwconv1_.dtype());
  const Tensor wide = gelu(pwconv1_(y, DType::kFloat32), pwconv2_.dtype());
  add_gated(pwconv2_(wide, DType::kFloat32), gamma_, {{.rows = x.rows()}}, x);
}

}  // namespace echo
