#include "checkpoint/echo_dit_layout.h"

namespace echo {
namespace {

class EchoDitLayoutBuilder {
 public:
  void add(std::string name, std::vector<int64_t> shape) {
    specs_.push_back(TensorSpec{std::move(name), std::move(shape), WeightNorm::kNone});
  }

  // The projections and head norms that encoders and DiT blocks have in common.
  void attention(const std::string& scope, int64_t width, int64_t heads) {
    for (const char* name : {"wq", "wk", "wv", "wo", "gate"}) {
      add(scope + name + ".weight", {width, width});
    }
    for (const char* name : {"q_norm", "k_norm"}) {
      add(scope + name + ".weight", {heads, width / heads});
    }
  }

  void mlp(const std::string& scope, int64_t width, int64_t intermediate) {
    add(scope + "w1.weight", {intermediate, width});
    add(scope + "w3.weight", {intermediate, width});
    add(scope + "w2.weight", {width, intermediate});
  }

  void encoder(const std::string& scope, const EncoderConfig& config) {
    for (int64_t i = 0; i < config.num_layers; ++i) {
      const std::string block = scope + "blocks." + std::to_string(i) + ".";
      attention(block + "attention.", config.model_size, config.num_heads);
      mlp(block + "mlp.", config.model_size, config.intermediate_size);
      add(block + "attention_norm.weight", {config.model_size});
      add(block + "mlp_norm.weight", {config.model_size});
    }
  }

  void patch_encoder(const std::string& scope, const EchoDitConfig& config) {
    add(scope + "in_proj.weight",
        {config.speaker.model_size, config.speaker_patch_size * config.latent_size});
    add(scope + "in_proj.bias", {config.speaker.model_size});
    encoder(scope, config.speaker);
  }

  void adaln(const std::string& scope, int64_t width, int64_t rank) {
    for (const char* part : {"shift", "scale", "gate"}) {
      add(scope + part + "_down.weight", {rank, width});
      add(scope + part + "_up.weight", {width, rank});
      add(scope + part + "_up.bias", {width});
    }
  }

  void block(const std::string& scope, const EchoDitConfig& config) {
    const std::string joint = scope + "attention.";
    attention(joint, config.model_size, config.num_heads);
    context_projections(joint, "text", config.model_size, config.text.model_size);
    context_projections(joint, "speaker", config.model_size, config.speaker.model_size);
    if (config.blockwise) {
      context_projections(joint, "latent", config.model_size, config.speaker.model_size);
    }
    mlp(scope + "mlp.", config.model_size, config.intermediate_size);
    adaln(scope + "attention_adaln.", config.model_size, config.adaln_rank);
    adaln(scope + "mlp_adaln.", config.model_size, config.adaln_rank);
  }

  std::vector<TensorSpec> take() { return std::move(specs_); }

 private:
  void context_projections(const std::string& scope, const std::string& context, int64_t width,
                           int64_t context_width) {
    add(scope + "wk_" + context + ".weight", {width, context_width});
    add(scope + "wv_" + context + ".weight", {width, context_width});
  }

  std::vector<TensorSpec> specs_;
};

void check_heads(SizeReader& sizes, const std::string& attention, int64_t width, int64_t heads) {
  if (width % heads == 0 && width / heads % 2 == 0) return;
  sizes.note(quoted_name(attention + "q_norm.weight") + " found " + std::to_string(heads) +
             " heads for a width of " + std::to_string(width) +
             ", expected a number that divides it into even parts");
}

EncoderConfig infer_encoder(SizeReader& sizes, const std::string& scope) {
  const std::string block = scope + "blocks.0.";
  EncoderConfig config;
  config.num_layers = sizes.layers(scope + "blocks");
  config.model_size = sizes.size(block + "attention.wq.weight", 0, 2);
  config.num_heads = sizes.size(block + "attention.q_norm.weight", 0, 2);
  config.intermediate_size = sizes.size(block + "mlp.w1.weight", 0, 2);
  check_heads(sizes, block + "attention.", config.model_size, config.num_heads);
  return config;
}

bool has_blockwise(const Weights& root, int64_t num_layers) {
  bool found = root["latent_encoder"].any() || root["latent_norm"].any();
  for (int64_t i = 0; i < num_layers; ++i) {
    const Weights attention = root["blocks"][i]["attention"];
    found |= attention["wk_latent"].any() || attention["wv_latent"].any();
  }
  return found;
}

}  // namespace

EchoDitConfig infer_echo_dit_config(const Weights& root) {
  SizeReader sizes(root);
  EchoDitConfig config;
  config.text = infer_encoder(sizes, "text_encoder.");
  config.text_vocab_size = sizes.size("text_encoder.text_embedding.weight", 0, 2);
  config.speaker = infer_encoder(sizes, "speaker_encoder.");
  config.num_layers = sizes.layers("blocks");
  config.latent_size = sizes.size("in_proj.weight", 1, 2);
  config.model_size = sizes.size("in_proj.weight", 0, 2);
  config.num_heads = sizes.size("blocks.0.attention.q_norm.weight", 0, 2);
  check_heads(sizes, "blocks.0.attention.", config.model_size, config.num_heads);
  config.intermediate_size = sizes.size("blocks.0.mlp.w1.weight", 0, 2);
  config.adaln_rank = sizes.size("blocks.0.attention_adaln.shift_down.weight", 0, 2);
  config.timestep_embed_size = sizes.size("cond_module.0.weight", 1, 2);
  if (config.timestep_embed_size % 2 != 0) {
    sizes.note("\"cond_module.0.weight\" takes " + std::to_string(config.timestep_embed_size) +
               " values, expected an even number (cosines and sines)");
  }
  const int64_t patch_width = sizes.size("speaker_encoder.in_proj.weight", 1, 2);
  config.speaker_patch_size = patch_width / config.latent_size;
  sizes.finish();

  config.blockwise = has_blockwise(root, config.num_layers);
  check_layout(root, echo_dit_layout(config));
  return config;
}

std::vector<TensorSpec> echo_dit_layout(const EchoDitConfig& config) {
  EchoDitLayoutBuilder layout;
  layout.add("text_encoder.text_embedding.weight",
             {config.text_vocab_size, config.text.model_size});
  layout.encoder("text_encoder.", config.text);
  layout.patch_encoder("speaker_encoder.", config);
  if (config.blockwise) layout.patch_encoder("latent_encoder.", config);
  layout.add("text_norm.weight", {config.text.model_size});
  layout.add("speaker_norm.weight", {config.speaker.model_size});
  if (config.blockwise) layout.add("latent_norm.weight", {config.speaker.model_size});
  layout.add("cond_module.0.weight", {config.model_size, config.timestep_embed_size});
  layout.add("cond_module.2.weight", {config.model_size, config.model_size});
  layout.add("cond_module.4.weight", {3 * config.model_size, config.model_size});
  layout.add("in_proj.weight", {config.model_size, config.latent_size});
  layout.add("in_proj.bias", {config.model_size});
  for (int64_t i = 0; i < config.num_layers; ++i) {
    layout.block("blocks." + std::to_string(i) + ".", config);
  }
  layout.add("out_norm.weight", {config.model_size});
  layout.add("out_proj.weight", {config.latent_size, config.model_size});
  layout.add("out_proj.bias", {config.latent_size});
  return layout.take();
}

}  // namespace echo
