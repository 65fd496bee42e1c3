#include "models/dac_decoder.h"

#include <algorithm>

namespace echo {
namespace {

std::string model_name(int64_t i) { return "decoder.model." + std::to_string(i); }

}  // namespace

DacDecoderBlock::DacDecoderBlock(const LayerContext& context, const Weights& w)
    : alpha0_(load_vector(context, w.tensor("0.alpha"))),
      conv1_(context, w[1]["conv"]),
      units_(load_residual_units(context, w, 2)) {}

Tensor DacDecoderBlock::operator()(const Tensor& x, State& state, const std::string& name,
                                   const CodecHooks& hooks) const {
  const Tensor y = conv1_(x, alpha0_, state.up);
  hooks.show(name + ".block.1", y);
  for (size_t i = 0; i < units_.size(); ++i) {
    units_[i](y, state.units[i]);
    if (i + 1 < units_.size()) hooks.show(name + ".block." + std::to_string(i + 2), y);
  }
  hooks.show(name, y);
  return y;
}

DacDecoder::DacDecoder(const LayerContext& context, const Weights& w, int64_t tile_rows)
    : tile_rows_(tile_rows),
      last_block_(w["model"].count() - 3),
      conv_in_(load_conv(context, w["model"][0]["conv"])),
      alpha_out_(load_vector(context, w["model"][last_block_ + 1].tensor("alpha"))),
      conv_out_(load_conv(context, w["model"][last_block_ + 2]["conv"])) {
  for (int64_t i = 1; i <= last_block_; ++i) {
    blocks_.emplace_back(context, w["model"][i]["block"]);
    hop_ *= blocks_.back().rate();
  }
}

Tensor DacDecoder::convolve(const Tensor& x, State& state, const CodecHooks& hooks) const {
  const Tensor input = conv_in_.input(x.backend(), state.conv_in, x.rows());
  copy(x, input.row_range(conv_in_.context_rows(), x.rows()));
  Tensor y = conv_in_(input, state.conv_in, DType::kFloat32);
  hooks.show(model_name(0), y);
  for (int64_t i = 1; i <= last_block_; ++i) {
    const auto index = static_cast<size_t>(i - 1);
    y = blocks_[index](y, state.blocks[index], model_name(i), hooks);
  }
  y = snake_conv(y, alpha_out_, conv_out_, state.conv_out, DType::kFloat32);
  hooks.show(model_name(last_block_ + 2), y);
  return tanh(y);
}

void DacDecoder::operator()(const Tensor& x, State& state, const CodecHooks& hooks,
                            std::vector<float>& samples) const {
  state.blocks.resize(blocks_.size());
  samples.reserve(samples.size() + static_cast<size_t>(x.rows() * hop_));
  for (int64_t begin = 0; begin < x.rows(); begin += tile_rows_) {
    hooks.check_cancelled();
    const int64_t count = std::min(tile_rows_, x.rows() - begin);
    const std::vector<float> tile = convolve(x.row_range(begin, count), state, hooks).to_host();
    samples.insert(samples.end(), tile.begin(), tile.end());
  }
}

}  // namespace echo
