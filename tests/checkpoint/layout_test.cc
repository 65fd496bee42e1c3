#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>

#include "base/error.h"
#include "checkpoint/echo_dit_layout.h"
#include "checkpoint/s1_dac_layout.h"
#include "support/golden.h"

namespace echo {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Not;

// A golden checkpoint with its header changed.
class Edited {
 public:
  Edited(const std::string& stem, const std::function<void(nlohmann::json&)>& edit) {
    const auto original = golden("tiny").file(stem);
    const std::string bytes = [&] {
      std::ifstream in(original->path(), std::ios::binary);
      return std::string(std::istreambuf_iterator<char>(in), {});
    }();
    uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof length);
    auto header = nlohmann::json::parse(bytes.substr(8, length));
    edit(header);
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    const uint64_t size = text.size();
    bytes_.resize((8 + size + bytes.size() - 8 - length + 7) / 8);
    char* out = reinterpret_cast<char*>(bytes_.data());
    std::memcpy(out, &size, 8);
    std::memcpy(out + 8, text.data(), size);
    std::memcpy(out + 8 + size, bytes.data() + 8 + length, bytes.size() - 8 - length);
    byte_count_ = 8 + size + bytes.size() - 8 - length;
  }
  Weights root() const {
    return Weights(SafetensorsFile::from_bytes(
        std::as_bytes(std::span(bytes_)).subspan(0, byte_count_), "edited.safetensors"));
  }

 private:
  std::vector<uint64_t> bytes_;
  size_t byte_count_ = 0;
};

void rename(nlohmann::json& header, const std::string& from, const std::string& to) {
  ASSERT_TRUE(header.contains(from)) << from;
  header[to] = header[from];
  header.erase(from);
}

template <class Infer>
std::string refusal(const Edited& file, Infer infer) {
  try {
    infer(file.root());
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
    return error.what();
  }
  ADD_FAILURE() << "was accepted";
  return "";
}

EchoDitConfig dit_config(const nlohmann::json& json) {
  const auto size = [&](const char* name) { return json.at(name).get<int64_t>(); };
  EchoDitConfig config;
  config.latent_size = size("latent_size");
  config.model_size = size("model_size");
  config.num_layers = size("num_layers");
  config.num_heads = size("num_heads");
  config.intermediate_size = size("intermediate_size");
  config.text_vocab_size = size("text_vocab_size");
  config.text = {size("text_num_layers"), size("text_model_size"), size("text_num_heads"),
                 size("text_intermediate_size")};
  config.speaker = {size("speaker_num_layers"), size("speaker_model_size"),
                    size("speaker_num_heads"), size("speaker_intermediate_size")};
  config.speaker_patch_size = size("speaker_patch_size");
  config.timestep_embed_size = size("timestep_embed_size");
  config.adaln_rank = size("adaln_rank");
  config.blockwise = true;
  return config;
}

S1DacConfig dac_config(const nlohmann::json& json) {
  const auto size = [&](const char* name) { return json.at(name).get<int64_t>(); };
  S1DacConfig config;
  config.encoder_dim = size("encoder_dim");
  config.encoder_rates = json.at("encoder_rates").get<std::vector<int64_t>>();
  int64_t width = config.encoder_dim;
  for (const int64_t layers : json.at("encoder_transformer_layers")) {
    width *= 2;
    config.encoder_transformers.push_back(
        layers == 0 ? WindowTransformerConfig{}
                    : WindowTransformerConfig{layers, width, size("encoder_transformer_n_head"),
                                              size("encoder_transformer_intermediate_size")});
  }
  config.latent_dim = size("latent_dim");
  config.decoder_dim = size("decoder_dim");
  config.decoder_rates = json.at("decoder_rates").get<std::vector<int64_t>>();
  config.downsample_factors = json.at("downsample_factor").get<std::vector<int64_t>>();
  const auto& inner = json.at("quantizer_transformer");
  config.pre_module = {inner.at("n_layer"), inner.at("dim"), inner.at("n_head"),
                       inner.at("intermediate_size")};
  config.post_module = config.pre_module;
  config.semantic_codebook_size = size("semantic_codebook_size");
  config.num_codebooks = size("n_codebooks");
  config.codebook_size = size("codebook_size");
  config.codebook_dim = size("codebook_dim");
  return config;
}

TEST(GoldenLayout, SizesAreReadFromShapes) {
  const auto config = golden("tiny").document("config");
  EXPECT_EQ(infer_echo_dit_config(Weights(golden("tiny").file("dit"))), dit_config(config["dit"]));
  EXPECT_EQ(infer_echo_dit_config(Weights(golden("tiny-bf16").file("dit"))),
            dit_config(golden("tiny-bf16").manifest()["config"]));
  const S1DacConfig dac = infer_s1_dac_config(Weights(golden("tiny").file("dac")));
  EXPECT_EQ(dac, dac_config(config["dac"]));
  EXPECT_EQ(dac.frame_samples(), config["ae_downsample_factor"]);
}

TEST(GoldenLayout, NamesEveryTensorOfACheckpointButTheBuffers) {
  const GoldenSet& set = golden("tiny");
  EXPECT_EQ(echo_dit_layout(infer_echo_dit_config(Weights(set.file("dit")))).size(),
            set.file("dit")->tensors().size());
  size_t tensors = 0;
  for (const TensorSpec& spec : s1_dac_layout(infer_s1_dac_config(Weights(set.file("dac"))))) {
    tensors += spec.norm == WeightNorm::kNone ? 1 : 2;
  }
  EXPECT_EQ(tensors + 6, set.file("dac")->tensors().size());
}

TEST(GoldenLayout, OneLayerOfTheRealWidths) {
  const auto& manifest = golden("real-slice").manifest();
  const auto& tensors = manifest["tensors"];
  const auto layout = echo_dit_layout(dit_config(manifest["config"]));
  EXPECT_EQ(layout.size(), tensors.size());
  for (const TensorSpec& spec : layout) {
    ASSERT_TRUE(tensors.contains(spec.name)) << spec.name;
    EXPECT_EQ(tensors[spec.name]["shape"].get<std::vector<int64_t>>(), spec.shape) << spec.name;
  }
}

TEST(GoldenLayout, BlockwiseTensorsMayBeAbsentTogether) {
  const Edited none("dit", [](nlohmann::json& header) {
    const auto copy = header;
    for (const auto& [name, entry] : copy.items()) {
      if (name.find("latent") != name.npos) rename(header, name, "unused." + name);
    }
  });
  EchoDitConfig config = infer_echo_dit_config(Weights(golden("tiny").file("dit")));
  config.blockwise = false;
  EXPECT_EQ(infer_echo_dit_config(none.root()), config);

  const Edited some("dit", [](nlohmann::json& header) {
    rename(header, "blocks.1.attention.wk_latent.weight", "unused");
  });
  EXPECT_THAT(refusal(some, infer_echo_dit_config),
              HasSubstr("\"blocks.1.attention.wk_latent.weight\" is missing, expected [128, 96]"));
}

TEST(GoldenLayout, ListsAllThatIsMissingOrMisshapen) {
  const Edited file("dit", [](nlohmann::json& header) {
    rename(header, "out_norm.weight", "a");
    rename(header, "blocks.2.mlp.w2.weight", "b");
    header["blocks.1.attention.k_norm.weight"]["shape"] = {2, 64};
    header["text_encoder.blocks.1.mlp_norm.weight"]["dtype"] = "I32";
  });
  EXPECT_THAT(
      refusal(file, infer_echo_dit_config),
      AllOf(HasSubstr("edited.safetensors: 4 tensors do not fit the model: "),
            HasSubstr("\"out_norm.weight\" is missing, expected [128]"),
            HasSubstr("\"blocks.2.mlp.w2.weight\" is missing, expected [128, 352]"),
            HasSubstr("\"blocks.1.attention.k_norm.weight\" found [2, 64], expected [4, 32]"),
            HasSubstr("\"text_encoder.blocks.1.mlp_norm.weight\" found dtype \"I32\", expected "),
            Not(HasSubstr("\n"))));
}

TEST(GoldenLayout, ListsAllThatSizesAreReadFrom) {
  EXPECT_THAT(refusal(Edited("dac", [](auto&) {}), infer_echo_dit_config),
              AllOf(HasSubstr("\"text_encoder.blocks.0.*\" are missing"),
                    HasSubstr("\"in_proj.weight\" is missing"),
                    HasSubstr("\"cond_module.0.weight\" is missing")));
  EXPECT_THAT(refusal(Edited("dit", [](auto&) {}), infer_s1_dac_config),
              AllOf(HasSubstr("\"encoder.block.0.*\" are missing"),
                    HasSubstr("\"quantizer.pre_module.layers.0.*\" are missing")));
}

TEST(GoldenLayout, RefusesSizesThatDoNotDivide) {
  const Edited heads("dit", [](nlohmann::json& header) {
    header["blocks.0.attention.q_norm.weight"]["shape"] = {128, 1};
  });
  EXPECT_THAT(refusal(heads, infer_echo_dit_config),
              HasSubstr("found 128 heads for a width of 128"));
  const Edited steps("dit", [](nlohmann::json& header) {
    header["cond_module.0.weight"]["shape"] = {8192, 1};
  });
  EXPECT_THAT(refusal(steps, infer_echo_dit_config), HasSubstr("expected an even number"));
  const Edited kernel("dac", [](nlohmann::json& header) {
    header["encoder.block.1.block.4.conv.parametrizations.weight.original1"]["shape"] = {16, 32, 1};
  });
  EXPECT_THAT(refusal(kernel, infer_s1_dac_config), HasSubstr("expected twice a stride"));
  const Edited rate("dac", [](nlohmann::json& header) {
    header["encoder.block.1.block.4.conv.parametrizations.weight.original1"]["shape"] = {16, 16, 2};
  });
  EXPECT_THAT(refusal(rate, infer_s1_dac_config),
              HasSubstr("strides multiply to 256, the decoder's to 512"));
  // Empty tensors can claim any length of an axis.
  const Edited huge("dac", [](nlohmann::json& header) {
    rename(header, "quantizer.downsample.0.0.conv.weight", "unused");
    header["quantizer.downsample.0.0.conv.weight"] = {
        {"dtype", "F32"}, {"shape", {0, 1, int64_t{1} << 60}}, {"data_offsets", {0, 0}}};
  });
  EXPECT_THAT(refusal(huge, infer_s1_dac_config), HasSubstr("expected 3 axes of 1 to 16777216"));
}

TEST(GoldenLayout, AcceptsBothWeightNormStylesOnEitherSide) {
  const Edited swapped("dac", [](nlohmann::json& header) {
    const std::string conv = "encoder.block.0.conv.",
                      proj = "quantizer.semantic_quantizer.quantizers.0.in_proj.";
    rename(header, conv + "parametrizations.weight.original0", conv + "weight_g");
    rename(header, conv + "parametrizations.weight.original1", conv + "weight_v");
    rename(header, proj + "weight_g", proj + "parametrizations.weight.original0");
    rename(header, proj + "weight_v", proj + "parametrizations.weight.original1");
    // Already folded.
    rename(header, "decoder.model.6.conv.parametrizations.weight.original1",
           "decoder.model.6.conv.weight");
    rename(header, "decoder.model.6.conv.parametrizations.weight.original0", "unused");
  });
  const Weights original(golden("tiny").file("dac"));
  EXPECT_EQ(infer_s1_dac_config(swapped.root()), infer_s1_dac_config(original));
  for (const char* layer :
       {"encoder.block.0.conv", "quantizer.semantic_quantizer.quantizers.0.in_proj"}) {
    EXPECT_EQ(fold_weight_norm(swapped.root()[layer]).values,
              fold_weight_norm(original[layer]).values);
  }

  const Edited half("dac", [](nlohmann::json& header) {
    rename(header, "encoder.block.0.conv.parametrizations.weight.original0", "unused");
  });
  EXPECT_THAT(refusal(half, infer_s1_dac_config),
              HasSubstr("\"encoder.block.0.conv.parametrizations.weight.original0\" is missing, "
                        "expected [8, 1, 1]"));
}

TEST(GoldenLayout, FoldedRowsHaveTheLengthOfG) {
  const Weights root(golden("tiny").file("dac"));
  // A transposed convolution: the rows are the input channels.
  const Weights layer = root["decoder.model.1.block.1.conv"];
  const FoldedWeight folded = fold_weight_norm(layer);
  EXPECT_THAT(folded.shape, ElementsAre(96, 48, 16));
  const auto g = layer.tensor("parametrizations.weight.original0").to_float32();
  const auto v = layer.tensor("parametrizations.weight.original1").to_float32();
  for (size_t row = 0; row < 96; ++row) {
    double length = 0, along = 0;
    for (size_t i = row * 768; i < (row + 1) * 768; ++i) {
      length += std::pow(folded.values[i], 2);
      along += double{folded.values[i]} * double{v[i]};
    }
    EXPECT_NEAR(std::sqrt(length), std::fabs(g[row]), 1e-6 * std::fabs(g[row]));
    EXPECT_EQ(along > 0, g[row] > 0);
  }
}

struct Summary {
  int64_t tensors = 0;
  int64_t parameters = 0;
  uint64_t hash = 0;  // FNV-1a of "name 2048x80\n" of every stored tensor, sorted by name
  bool operator==(const Summary&) const = default;
};

Summary summary(const std::vector<TensorSpec>& layout) {
  std::map<std::string, std::vector<int64_t>> stored;
  for (const TensorSpec& spec : layout) {
    if (spec.norm == WeightNorm::kNone) {
      stored[spec.name] = spec.shape;
      continue;
    }
    const std::string layer = spec.name.substr(0, spec.name.rfind('.') + 1);
    const WeightNormNames names = weight_norm_names(spec.norm);
    stored[layer + std::string(names.g)] = {spec.shape[0], 1, 1};
    stored[layer + std::string(names.v)] = spec.shape;
  }
  Summary result{static_cast<int64_t>(stored.size()), 0, 0xcbf29ce484222325u};
  for (const auto& [name, shape] : stored) {
    std::string line = name + " ";
    int64_t elements = 1;
    for (const int64_t dim : shape) {
      line += (line.back() == ' ' ? "" : "x") + std::to_string(dim);
      elements *= dim;
    }
    result.parameters += elements;
    for (const char c : line + "\n") {
      result.hash = (result.hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    }
  }
  return result;
}

// The published sizes; the names and shapes were listed from the published modules.
TEST(Layout, OfThePublishedSizesHasThePublishedTensors) {
  EchoDitConfig dit;
  dit.latent_size = 80;
  dit.model_size = 2048;
  dit.num_layers = 24;
  dit.num_heads = 16;
  dit.intermediate_size = 5888;
  dit.text_vocab_size = 256;
  dit.text = dit.speaker = {14, 1280, 10, 3328};
  dit.speaker_patch_size = 4;
  dit.timestep_embed_size = 512;
  dit.adaln_rank = 256;
  EXPECT_THAT(summary(echo_dit_layout(dit)),
              AllOf(Field(&Summary::tensors, 1117), Field(&Summary::parameters, 2'380'828'496)));
  dit.blockwise = true;
  EXPECT_EQ(summary(echo_dit_layout(dit)), (Summary{1336, 2'800'742'736, 0x67ba999c14aac473u}));

  S1DacConfig dac;
  dac.encoder_dim = 64;
  dac.encoder_rates = {2, 4, 8, 8};
  dac.encoder_transformers = {{}, {}, {}, {4, 1024, 16, 3072}};
  dac.latent_dim = 1024;
  dac.decoder_dim = 1536;
  dac.decoder_rates = {8, 8, 4, 2};
  dac.downsample_factors = {2, 2};
  dac.pre_module = dac.post_module = {8, 1024, 16, 3072};
  dac.semantic_codebook_size = 4096;
  dac.num_codebooks = 9;
  dac.codebook_size = 1024;
  dac.codebook_dim = 8;
  EXPECT_EQ(summary(s1_dac_layout(dac)), (Summary{535, 391'430'530, 0xafb65402a8a78f12u}));
  EXPECT_EQ(dac.frame_samples(), 2048);
}

}  // namespace
}  // namespace echo
