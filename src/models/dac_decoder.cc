#include "models/dac_decoder.h"

#include <algorithm>
#include <bit>
#include <cstdint>

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

int64_t DacDecoderBlock::rows_for(int64_t cache_bytes) const {
  const int64_t width = conv1_.out();
  const int64_t units = static_cast<int64_t>(units_.size()) * width * width * 8;
  const int64_t weights =
      (units + conv1_.in() * width * 2 * rate()) * static_cast<int64_t>(sizeof(float));
  const int64_t row_bytes = rate() * width * static_cast<int64_t>(sizeof(float));
  return static_cast<int64_t>(
      std::bit_floor(static_cast<uint64_t>(std::max(cache_bytes, weights) / row_bytes) | 1));
}

DacDecoder::DacDecoder(const LayerContext& context, const Weights& w, int64_t tile_rows,
                       int64_t cache_bytes)
    : tile_rows_(tile_rows),
      cache_bytes_(cache_bytes),
      last_block_(w["model"].count() - 3),
      conv_in_(load_conv(context, w["model"][0]["conv"])),
      alpha_out_(load_vector(context, w["model"][last_block_ + 1].tensor("alpha"))),
      conv_out_(load_conv(context, w["model"][last_block_ + 2]["conv"])) {
  for (int64_t i = 1; i <= last_block_; ++i) {
    blocks_.emplace_back(context, w["model"][i]["block"]);
    hop_ *= blocks_.back().rate();
  }
}

void DacDecoder::finish(size_t block, const Tensor& x, State& state, const CodecHooks& hooks,
                        std::vector<float>& samples) const {
  if (block == blocks_.size()) {
    const Tensor y = snake_conv(x, alpha_out_, conv_out_, state.conv_out, DType::kFloat32);
    hooks.show(model_name(last_block_ + 2), y);
    const std::vector<float> made = tanh(y).to_host();
    samples.insert(samples.end(), made.begin(), made.end());
    return;
  }
  const int64_t rows = cache_bytes_ > 0 ? blocks_[block].rows_for(cache_bytes_) : x.rows();
  for (int64_t begin = 0; begin < x.rows(); begin += rows) {
    const Tensor part = x.row_range(begin, std::min(rows, x.rows() - begin));
    const std::string name = model_name(static_cast<int64_t>(block) + 1);
    finish(block + 1, blocks_[block](part, state.blocks[block], name, hooks), state, hooks,
           samples);
  }
}

void DacDecoder::operator()(const Tensor& x, State& state, const CodecHooks& hooks,
                            std::vector<float>& samples) const {
  state.blocks.resize(blocks_.size());
  samples.reserve(samples.size() + static_cast<size_t>(x.rows() * hop_));
  for (int64_t begin = 0; begin < x.rows(); begin += tile_rows_) {
    hooks.check_cancelled();
    const int64_t count = std::min(tile_rows_, x.rows() - begin);
    const Tensor input = conv_in_.input(x.backend(), state.conv_in, count);
    copy(x.row_range(begin, count), input.row_range(conv_in_.context_rows(), count));
    const Tensor y = conv_in_(input, state.conv_in, DType::kFloat32);
    hooks.show(model_name(0), y);
    finish(0, y, state, hooks, samples);
  }
}

}  // namespace echo
