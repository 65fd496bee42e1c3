#include "checkpoint/s1_dac_layout.h"

#include <algorithm>

namespace echo {
namespace {

constexpr int64_t kEdgeKernel = 7;  // first convolution of the encoder, first and last of
                                    // the decoder, and the dilated ones
constexpr int64_t kEncoderLastKernel = 3;
constexpr int64_t kUnitsPerBlock = 3;  // residual units, with dilations 1, 3, 9
constexpr int64_t kConvNextRatio = 4;  // inner width over width
constexpr int64_t kMaxRates = 16;

std::string numbered(const std::string& scope, int64_t index) {
  return scope + std::to_string(index) + ".";
}

// At most 2^31, whatever the sizes in the file are.
int64_t product(const std::vector<int64_t>& values) {
  int64_t result = 1;
  for (const int64_t value : values) result = std::min(result * value, int64_t{1} << 31);
  return result;
}

class S1DacLayoutBuilder {
 public:
  void add(std::string name, std::vector<int64_t> shape, WeightNorm norm = WeightNorm::kNone) {
    specs_.push_back(TensorSpec{std::move(name), std::move(shape), norm});
  }

  // `layer` ends in '.'. A transposed convolution has the input channels first.
  void conv(const std::string& layer, std::vector<int64_t> shape, int64_t out, WeightNorm norm) {
    add(layer + "weight", std::move(shape), norm);
    add(layer + "bias", {out});
  }
  void normed_conv(const std::string& scope, int64_t out, int64_t in, int64_t kernel) {
    conv(scope + "conv.", {out, in, kernel}, out, WeightNorm::kParametrized);
  }

  void snake(const std::string& scope, int64_t channels) { add(scope + "alpha", {1, channels, 1}); }

  void residual_unit(const std::string& scope, int64_t channels) {
    snake(scope + "block.0.", channels);
    normed_conv(scope + "block.1.", channels, channels, kEdgeKernel);
    snake(scope + "block.2.", channels);
    normed_conv(scope + "block.3.", channels, channels, 1);
  }

  void transformer(const std::string& scope, const WindowTransformerConfig& config) {
    const int64_t width = config.width;
    const int64_t inner = config.num_heads * kDacHeadDim;
    for (int64_t i = 0; i < config.num_layers; ++i) {
      const std::string layer = numbered(scope + "layers.", i);
      add(layer + "attention.wqkv.weight", {3 * inner, width});
      add(layer + "attention.wo.weight", {width, inner});
      add(layer + "feed_forward.w1.weight", {config.intermediate_size, width});
      add(layer + "feed_forward.w3.weight", {config.intermediate_size, width});
      add(layer + "feed_forward.w2.weight", {width, config.intermediate_size});
      for (const char* name : {"ffn_norm.weight", "attention_norm.weight",
                               "attention_layer_scale.gamma", "ffn_layer_scale.gamma"}) {
        add(layer + name, {width});
      }
    }
    add(scope + "norm.weight", {width});
  }

  void encoder(const S1DacConfig& config) {
    const auto blocks = static_cast<int64_t>(config.encoder_rates.size());
    int64_t channels = config.encoder_dim;
    normed_conv("encoder.block.0.", channels, 1, kEdgeKernel);
    for (int64_t i = 0; i < blocks; ++i) {
      const std::string scope = numbered("encoder.block.", i + 1) + "block.";
      const auto index = static_cast<size_t>(i);
      for (int64_t unit = 0; unit < kUnitsPerBlock; ++unit) {
        residual_unit(numbered(scope, unit), channels);
      }
      snake(numbered(scope, kUnitsPerBlock), channels);
      normed_conv(numbered(scope, kUnitsPerBlock + 1), 2 * channels, channels,
                  2 * config.encoder_rates[index]);
      channels *= 2;
      if (config.encoder_transformers[index].num_layers > 0) {
        transformer(numbered(scope, kUnitsPerBlock + 2), config.encoder_transformers[index]);
      }
    }
    snake(numbered("encoder.block.", blocks + 1), channels);
    normed_conv(numbered("encoder.block.", blocks + 2), config.latent_dim, channels,
                kEncoderLastKernel);
  }

  void conv_next(const std::string& scope, int64_t width) {
    const int64_t inner = kConvNextRatio * width;
    conv(scope + "dwconv.conv.", {width, 1, kEdgeKernel}, width, WeightNorm::kNone);
    add(scope + "norm.weight", {width});
    add(scope + "norm.bias", {width});
    add(scope + "pwconv1.weight", {inner, width});
    add(scope + "pwconv1.bias", {inner});
    add(scope + "pwconv2.weight", {width, inner});
    add(scope + "pwconv2.bias", {width});
    add(scope + "gamma", {width});
  }

  void codebook(const std::string& scope, int64_t size, const S1DacConfig& config) {
    const int64_t width = config.latent_dim, dim = config.codebook_dim;
    conv(scope + "in_proj.", {dim, width, 1}, dim, WeightNorm::kLegacy);
    conv(scope + "out_proj.", {width, dim, 1}, width, WeightNorm::kLegacy);
    add(scope + "codebook.weight", {size, dim});
  }

  void quantizer(const S1DacConfig& config) {
    const int64_t width = config.latent_dim;
    const std::vector<int64_t>& down = config.downsample_factors;
    for (size_t i = 0; i < down.size(); ++i) {
      const auto index = static_cast<int64_t>(i);
      const int64_t up = down[down.size() - 1 - i];
      const std::string below = numbered("quantizer.downsample.", index);
      conv(below + "0.conv.", {width, width, down[i]}, width, WeightNorm::kNone);
      conv_next(below + "1.", width);
      const std::string above = numbered("quantizer.upsample.", index);
      conv(above + "0.conv.", {width, width, up}, width, WeightNorm::kNone);
      conv_next(above + "1.", width);
    }
    transformer("quantizer.pre_module.", config.pre_module);
    transformer("quantizer.post_module.", config.post_module);
    codebook("quantizer.semantic_quantizer.quantizers.0.", config.semantic_codebook_size, config);
    for (int64_t i = 0; i < config.num_codebooks; ++i) {
      codebook(numbered("quantizer.quantizer.quantizers.", i), config.codebook_size, config);
    }
  }

  void decoder(const S1DacConfig& config) {
    const auto blocks = static_cast<int64_t>(config.decoder_rates.size());
    int64_t channels = config.decoder_dim;
    normed_conv("decoder.model.0.", channels, config.latent_dim, kEdgeKernel);
    for (int64_t i = 0; i < blocks; ++i) {
      const std::string scope = numbered("decoder.model.", i + 1) + "block.";
      const int64_t rate = config.decoder_rates[static_cast<size_t>(i)];
      snake(numbered(scope, 0), channels);
      conv(numbered(scope, 1) + "conv.", {channels, channels / 2, 2 * rate}, channels / 2,
           WeightNorm::kParametrized);
      channels /= 2;
      for (int64_t unit = 0; unit < kUnitsPerBlock; ++unit) {
        residual_unit(numbered(scope, 2 + unit), channels);
      }
    }
    snake(numbered("decoder.model.", blocks + 1), channels);
    normed_conv(numbered("decoder.model.", blocks + 2), 1, channels, kEdgeKernel);
  }

  std::vector<TensorSpec> take() { return std::move(specs_); }

 private:
  std::vector<TensorSpec> specs_;
};

WindowTransformerConfig infer_transformer(SizeReader& sizes, const std::string& scope) {
  const std::string layer = scope + "layers.0.";
  WindowTransformerConfig config;
  config.num_layers = sizes.layers(scope + "layers");
  config.width = sizes.size(layer + "attention.wo.weight", 0, 2);
  config.num_heads = sizes.size(layer + "attention.wo.weight", 1, 2) / kDacHeadDim;
  config.intermediate_size = sizes.size(layer + "feed_forward.w1.weight", 0, 2);
  return config;
}

// The stride of a convolution whose kernel is twice as long.
int64_t infer_rate(SizeReader& sizes, const std::string& layer) {
  const int64_t kernel = sizes.size(layer + "conv.weight", 2, 3);
  if (kernel % 2 != 0) {
    sizes.note(quoted_name(layer + "conv.weight") + " found a kernel of " + std::to_string(kernel) +
               ", expected twice a stride");
  }
  return std::max<int64_t>(kernel / 2, 1);
}

// Encoder and decoder are a convolution, blocks, an activation and a convolution.
int64_t infer_blocks(SizeReader& sizes, const std::string& scope) {
  const int64_t blocks = sizes.layers(scope) - 3;
  if (blocks < 1 || blocks > kMaxRates) {
    sizes.note(quoted_name(scope + ".*") + " found " + std::to_string(blocks + 3) +
               " stages, expected 4 to " + std::to_string(kMaxRates + 3));
    return 1;
  }
  return blocks;
}

}  // namespace

int64_t S1DacConfig::frame_samples() const {
  return product(encoder_rates) * product(downsample_factors);
}

S1DacConfig infer_s1_dac_config(const Weights& root) {
  SizeReader sizes(root);
  S1DacConfig config;
  const int64_t encoder_blocks = infer_blocks(sizes, "encoder.block");
  config.encoder_dim = sizes.size("encoder.block.0.conv.weight", 0, 3);
  for (int64_t i = 1; i <= encoder_blocks; ++i) {
    const std::string scope = numbered("encoder.block.", i) + "block.";
    config.encoder_rates.push_back(infer_rate(sizes, numbered(scope, kUnitsPerBlock + 1)));
    const std::string transformer = scope + std::to_string(kUnitsPerBlock + 2);
    config.encoder_transformers.push_back(root[transformer].any()
                                              ? infer_transformer(sizes, transformer + ".")
                                              : WindowTransformerConfig{});
  }
  config.latent_dim =
      sizes.size(numbered("encoder.block.", encoder_blocks + 2) + "conv.weight", 0, 3);

  const int64_t decoder_blocks = infer_blocks(sizes, "decoder.model");
  config.decoder_dim = sizes.size("decoder.model.0.conv.weight", 0, 3);
  for (int64_t i = 1; i <= decoder_blocks; ++i) {
    config.decoder_rates.push_back(infer_rate(sizes, numbered("decoder.model.", i) + "block.1."));
  }

  const int64_t downsamples = sizes.layers("quantizer.downsample");
  for (int64_t i = 0; i < downsamples; ++i) {
    config.downsample_factors.push_back(
        sizes.size(numbered("quantizer.downsample.", i) + "0.conv.weight", 2, 3));
  }
  config.pre_module = infer_transformer(sizes, "quantizer.pre_module.");
  config.post_module = infer_transformer(sizes, "quantizer.post_module.");
  const std::string semantic = "quantizer.semantic_quantizer.quantizers.0.codebook.weight";
  config.semantic_codebook_size = sizes.size(semantic, 0, 2);
  config.codebook_dim = sizes.size(semantic, 1, 2);
  config.num_codebooks = sizes.layers("quantizer.quantizer.quantizers");
  config.codebook_size = sizes.size("quantizer.quantizer.quantizers.0.codebook.weight", 0, 2);
  sizes.finish();

  if (product(config.encoder_rates) != product(config.decoder_rates)) {
    sizes.note("the encoder's strides multiply to " +
               std::to_string(product(config.encoder_rates)) + ", the decoder's to " +
               std::to_string(product(config.decoder_rates)) + ", expected the same");
  }
  const int64_t halvings = int64_t{1} << decoder_blocks;
  if (config.decoder_dim % halvings != 0) {
    sizes.note("\"decoder.model.0.conv.weight\" has " + std::to_string(config.decoder_dim) +
               " channels, expected a multiple of " + std::to_string(halvings));
  }
  sizes.finish();
  check_layout(root, s1_dac_layout(config));
  return config;
}

std::vector<TensorSpec> s1_dac_layout(const S1DacConfig& config) {
  S1DacLayoutBuilder layout;
  layout.encoder(config);
  layout.quantizer(config);
  layout.decoder(config);
  return layout.take();
}

}  // namespace echo
