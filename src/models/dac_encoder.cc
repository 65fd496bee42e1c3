#include "models/dac_encoder.h"

#include <algorithm>

#include "checkpoint/s1_dac_layout.h"

namespace echo {
namespace {

constexpr int64_t kPositions = 16384;  // the published model's table of rotary embeddings

std::string block_name(int64_t i) { return "encoder.block." + std::to_string(i); }

}  // namespace

DacEncoderBlock::DacEncoderBlock(const LayerContext& context, const Weights& w)
    : units_(load_residual_units(context, w, 0)),
      alpha3_(load_vector(context, w.tensor("3.alpha"))),
      conv4_(load_strided_conv(context, w[4]["conv"], 2)) {}

Tensor DacEncoderBlock::operator()(const Tensor& x, State& state) const {
  for (size_t i = 0; i < units_.size(); ++i) units_[i](x, state.units[i]);
  return snake_conv(x, alpha3_, conv4_, state.down, DType::kFloat32);
}

DacEncoder::DacEncoder(const LayerContext& context, const Weights& w, int64_t tile_rows)
    : backend_(context.backend),
      tile_rows_(tile_rows),
      last_block_(w["block"].count() - 3),
      // One input channel: float32 keeps the samples exact and costs nothing.
      conv_in_(load_conv({context.backend, DType::kFloat32}, w["block"][0]["conv"])),
      transformer_(context, w["block"][last_block_]["block"][5],
                   {.window = kDacEncoderWindow, .positions = kPositions}),
      alpha_out_(load_vector(context, w["block"][last_block_ + 1].tensor("alpha"))),
      conv_out_(load_conv(context, w["block"][last_block_ + 2]["conv"])) {
  for (int64_t i = 1; i <= last_block_; ++i) {
    blocks_.emplace_back(context, w["block"][i]["block"]);
    hop_ *= blocks_.back().stride();
  }
}

Tensor DacEncoder::convolve(std::span<const float> samples, State& state,
                            const CodecHooks& hooks) const {
  const auto rows = static_cast<int64_t>(samples.size());
  const Tensor input = conv_in_.input(backend_, state.conv_in, rows);
  copy(from_host(backend_, samples, rows, 1), input.row_range(conv_in_.context_rows(), rows));
  Tensor x = conv_in_(input, state.conv_in, DType::kFloat32);
  hooks.show(block_name(0), x);
  for (int64_t i = 1; i <= last_block_; ++i) {
    const auto index = static_cast<size_t>(i - 1);
    x = blocks_[index](x, state.blocks[index]);
    hooks.show(block_name(i) + (i == last_block_ ? ".block.4" : ""), x);
  }
  return x;
}

Tensor DacEncoder::operator()(std::span<const float> samples, const CodecHooks& hooks) const {
  const int64_t rows = static_cast<int64_t>(samples.size()) / hop_;
  const Tensor convolved = empty(backend_, rows, transformer_.width(), DType::kFloat32);
  State state;
  state.blocks.resize(blocks_.size());
  for (int64_t begin = 0; begin < rows; begin += tile_rows_) {
    hooks.check_cancelled();
    const int64_t count = std::min(tile_rows_, rows - begin);
    const auto tile =
        samples.subspan(static_cast<size_t>(begin * hop_), static_cast<size_t>(count * hop_));
    copy(convolve(tile, state, hooks), convolved.row_range(begin, count));
  }

  hooks.check_cancelled();
  WindowTransformer::State attention;
  const Tensor x = transformer_(convolved, attention);
  hooks.show(block_name(last_block_), x);
  CausalConv1d::State conv;
  const Tensor input = conv_out_.input(backend_, conv, rows);
  const Tensor snaked = input.row_range(conv_out_.context_rows(), rows);
  snake(x, alpha_out_, snaked);
  hooks.show(block_name(last_block_ + 1), snaked);
  const Tensor encoded = conv_out_(input, conv, DType::kFloat32);
  hooks.show(block_name(last_block_ + 2), encoded);
  hooks.show("encoder", encoded);
  return encoded;
}

}  // namespace echo
