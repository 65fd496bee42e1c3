#include "models/quantizer.h"

#include <algorithm>
#include <cmath>

#include "checkpoint/s1_dac_layout.h"

namespace echo {
namespace {

std::string stage_name(const char* stage, size_t i, int part) {
  return std::string(stage) + "." + std::to_string(i) + "." + std::to_string(part);
}

}  // namespace

Codebook::Codebook(Backend& backend, const Weights& w) {
  const LayerContext context{backend, DType::kFloat32};
  in_proj_ = load_pointwise(context, w["in_proj"]);
  out_proj_ = load_pointwise(context, w["out_proj"]);
  codebook_ = load_matrix(context, w["codebook"].tensor("weight"));
  std::vector<float> rows = codebook_.to_host();
  const auto width = static_cast<size_t>(codebook_.cols());
  for (size_t begin = 0; begin < rows.size(); begin += width) {
    double sum = 0;
    for (size_t i = begin; i < begin + width; ++i) sum += static_cast<double>(rows[i]) * rows[i];
    const double length = std::max(std::sqrt(sum), 1e-12);
    for (size_t i = begin; i < begin + width; ++i) rows[i] = static_cast<float>(rows[i] / length);
  }
  directions_ = from_host(backend, rows, codebook_.rows(), codebook_.cols());
}

// The length of a projected row changes no comparison of angles, so it need not be divided out.
Tensor Codebook::nearest(const Tensor& projected) const {
  return nearest_rows(projected, directions_);
}

Tensor Codebook::decode(const Tensor& codes) const {
  return out_proj_(gather_rows(codebook_, codes), DType::kFloat32);
}

Quantizer::Quantizer(const LayerContext& context, const Weights& w)
    : pre_module_(context, w["pre_module"],
                  {.window = kDacQuantizerWindow, .positions = kMaxFrames}),
      post_module_(context, w["post_module"],
                   {.window = kDacQuantizerWindow, .positions = kMaxFrames}) {
  for (int64_t i = 0; i < w["downsample"].count(); ++i) {
    const Weights stage = w["downsample"][i];
    downsample_.push_back(
        {load_strided_conv(context, stage[0]["conv"], 1), ConvNext(context, stage[1])});
    reduction_ *= downsample_.back().conv.stride();
  }
  codebooks_.emplace_back(context.backend, w["semantic_quantizer"]["quantizers"][0]);
  const Weights residual = w["quantizer"]["quantizers"];
  for (int64_t i = 0; i < residual.count(); ++i)
    codebooks_.emplace_back(context.backend, residual[i]);
  for (int64_t i = 0; i < w["upsample"].count(); ++i) {
    const Weights stage = w["upsample"][i];
    upsample_.push_back(
        {load_transposed_pointwise(context, stage[0]["conv"]), ConvNext(context, stage[1])});
  }
}

Quantizer::Codes Quantizer::encode(const Tensor& encoded, const CodecHooks& hooks) const {
  Tensor x = encoded;
  for (size_t i = 0; i < downsample_.size(); ++i) {
    const CausalConv1d& conv = downsample_[i].conv;
    CausalConv1d::State none;
    const Tensor input = conv.input(x.backend(), none, x.rows());
    copy(x, input.row_range(conv.context_rows(), x.rows()));
    x = conv(input, none, DType::kFloat32);
    hooks.show(stage_name("downsample", i, 0), x);
    ConvNext::State start;
    downsample_[i].block(x, start);
    hooks.show(stage_name("downsample", i, 1), x);
  }
  hooks.show("downsample", x);
  hooks.check_cancelled();
  WindowTransformer::State start;
  x = pre_module_(x, start);
  hooks.show("pre_module", x);
  return quantize(x, hooks);
}

Quantizer::Codes Quantizer::quantize(const Tensor& rest, const CodecHooks& hooks) const {
  const auto count = static_cast<int64_t>(codebooks_.size());
  const int64_t rows = rest.rows(), width = codebooks_[0].width();
  const Codes result{zeros(rest.backend(), rows, rest.cols(), DType::kFloat32),
                     empty(rest.backend(), rows, count, DType::kInt32)};
  const Tensor projected = empty(rest.backend(), rows, count * width, DType::kFloat32);
  for (int64_t i = 0; i < count; ++i) {
    const Codebook& codebook = codebooks_[static_cast<size_t>(i)];
    const Tensor direction = codebook.project(rest);
    copy(direction, projected.column_range(i * width, width));
    const Tensor codes = codebook.nearest(direction);
    copy(codes, result.codes.column_range(i, 1));
    const Tensor part = codebook.decode(codes);
    add(part, result.z_q);
    scale(part, -1.0f);
    add(part, rest);
  }
  hooks.show("vq_in", projected);
  hooks.show("codes", result.codes);
  hooks.show("z_q", result.z_q);
  return result;
}

Tensor Quantizer::decode(const Tensor& z_q, State& state, const CodecHooks& hooks) const {
  state.upsample.resize(upsample_.size());
  Tensor x = post_module_(z_q, state.post_module);
  hooks.show("post_module", x);
  hooks.check_cancelled();
  for (size_t i = 0; i < upsample_.size(); ++i) {
    const Linear& conv = upsample_[i].conv;
    x = conv(x, DType::kFloat32).split_rows(conv.out() / x.cols());
    hooks.show(stage_name("upsample", i, 0), x);
    upsample_[i].block(x, state.upsample[i]);
    hooks.show(stage_name("upsample", i, 1), x);
  }
  hooks.show("upsample", x);
  return x;
}

}  // namespace echo
