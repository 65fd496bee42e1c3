// What the codec's encoder and decoder are built of.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "nn/layers.h"

namespace echo {

// How a caller of the codec stops and watches it. Each may be empty.
struct CodecHooks {
  // Looked at between pieces of work: once it is requested, the work ends with kCancelled.
  std::stop_token stop;
  // Shown every stage under its name in the checkpoint. The convolutions run in tiles of time: the
  // values under one name, one below the other, are the whole. A value lives during the call only.
  Probe probe;

  void check_cancelled() const;
  void show(const std::string& stage, const Tensor& value) const {
    if (probe) probe(stage, value);
  }
};

// The convolution of scope w, weight norm folded.
CausalConv1d load_conv(const LayerContext& context, const Weights& w, int64_t dilation = 1);
// A convolution whose stride is its taps divided by `overlap`.
CausalConv1d load_strided_conv(const LayerContext& context, const Weights& w, int64_t overlap);
// A convolution of one tap.
Linear load_pointwise(const LayerContext& context, const Weights& w);
// A transposed convolution of as many taps as its stride: a matrix that makes the stride's rows,
// side by side, of each row.
Linear load_transposed_pointwise(const LayerContext& context, const Weights& w);

// conv(snake(x)), the snake written where the convolution reads.
Tensor snake_conv(const Tensor& x, const Tensor& alpha, const CausalConv1d& conv,
                  CausalConv1d::State& state, DType out);

// The causal transposed convolution of stride r and 2 r taps, its last r samples dropped: sample
// i r + j is W[:, :, j] x[i] + W[:, :, j + r] x[i - 1], so it is a convolution of two taps that
// makes r samples from each row.
class TransposedConv {
 public:
  TransposedConv() = default;
  TransposedConv(const LayerContext& context, const Weights& w);

  int64_t rate() const { return rate_; }
  int64_t in() const { return conv_.in(); }
  int64_t out() const { return conv_.out() / rate_; }
  // conv(snake(x)): (N, in) -> (N * rate, out), float32.
  Tensor operator()(const Tensor& x, const Tensor& alpha, CausalConv1d::State& state) const;

 private:
  CausalConv1d conv_;
  int64_t rate_ = 1;
};

// x += conv1(snake(conv7(snake(x)))).
class ResidualUnit {
 public:
  ResidualUnit(const LayerContext& context, const Weights& w, int64_t dilation);
  using State = CausalConv1d::State;
  void operator()(const Tensor& x, State& state) const;

 private:
  Tensor alpha0_;
  CausalConv1d conv1_;
  Tensor alpha2_;
  Linear conv3_;
};

// The three residual units of a block, with dilations 1, 3 and 9; the first is child `first` of w.
std::vector<ResidualUnit> load_residual_units(const LayerContext& context, const Weights& w,
                                              int64_t first);

// x += gamma * linear(gelu(linear(layer_norm(depthwise_conv7(x))))).
class ConvNext {
 public:
  ConvNext(const LayerContext& context, const Weights& w);
  using State = Tensor;  // the last rows that came before; empty at the start
  void operator()(const Tensor& x, State& state) const;

 private:
  Tensor dwconv_weight_, dwconv_bias_;
  Tensor norm_weight_, norm_bias_;
  Linear pwconv1_, pwconv2_;
  Tensor gamma_;
};

}  // namespace echo
