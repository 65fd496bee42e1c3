#include "checkpoint/random_checkpoint.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cmath>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "base/error.h"
#include "checkpoint/random_weights.h"
#include "nn/safetensors.h"
#include "nn/safetensors_writer.h"
#include "tensor/dtype.h"

namespace echo {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kChunkElements = 1 << 20;  // generated and written at a time, by one thread
constexpr const char* kOriginKey = "origin";
constexpr const char* kOrigin = "random weights";

// Every 61st channel, of `channel` elements each, is larger by a power of two.
struct Outliers {
  int64_t channel = 0;  // 0: none
  float factor = 1;

  // Of element `index` of the tensor.
  float factor_at(int64_t index) const {
    constexpr int64_t kEvery = 61, kFirst = 7;
    return channel > 0 && index / channel % kEvery == kFirst ? factor : 1.0f;
  }
};

// What the tensors of a file are filled with.
struct RandomFill {
  RandomTensor values;
  bool rounded = false;  // float32 that bfloat16 can hold
  Outliers outliers = {};
};
struct RotaryTable {};  // cosines and sines, (positions, head_dim / 2, 2)
struct Constant {
  float value = 0;
};
struct LeftZero {};  // never written: takes no room on the disk
using Fill = std::variant<RandomFill, RotaryTable, Constant, LeftZero>;

// The tensors of one file, in step with their fills.
struct FilePlan {
  fs::path path;
  std::vector<PlannedTensor> tensors;
  std::vector<Fill> fills;

  void add(std::string name, FileDType dtype, std::vector<int64_t> shape, Fill fill) {
    tensors.push_back(PlannedTensor{std::move(name), dtype, std::move(shape)});
    fills.push_back(std::move(fill));
  }
};

// "blocks.N.": N; -1 for other tensors.
int64_t block_of(std::string_view name) {
  constexpr std::string_view kBlocks = "blocks.";
  if (!name.starts_with(kBlocks)) return -1;
  int64_t block = 0;
  std::from_chars(name.data() + kBlocks.size(), name.data() + name.size(), block);
  return block;
}

// What a tensor of a model of so many blocks has when outliers are asked for.
Outliers planted_outliers(const TensorSpec& spec, int64_t blocks) {
  constexpr int64_t kMaxBlocks = 4;
  constexpr float kResidual = 32, kKeys = 64;
  if (block_of(spec.name) < std::max(int64_t{1}, blocks - kMaxBlocks)) return {};
  const std::string_view name = spec.name;
  if (name.ends_with("attention.wo.weight") || name.ends_with("mlp.w2.weight")) {
    return {spec.shape[1], kResidual};
  }
  if (name.ends_with("k_norm.weight")) return {1, kKeys};
  return {};
}

FilePlan plan_dit(const fs::path& folder, ModelSize size, bool outliers,
                  const std::string& prefix) {
  FilePlan plan{folder / "echo-tts-base" / "pytorch_model.safetensors", {}, {}};
  const bool slice = size == ModelSize::kRealSlice;
  const FileDType dtype = slice ? FileDType::kFloat32 : FileDType::kBFloat16;
  const EchoDitConfig config = echo_dit_config(size);
  for (const TensorSpec& spec : echo_dit_layout(config)) {
    plan.add(spec.name, dtype, spec.shape,
             RandomFill{RandomTensor(slice ? kGoldenWeightPrefix : std::string_view(prefix),
                                     spec.name, echo_dit_distribution(spec)),
                        slice, outliers ? planted_outliers(spec, config.num_layers) : Outliers()});
  }
  return plan;
}

// The buffers that the published code registers. The mask is lower triangular there; nobody reads
// it, so it costs nothing here.
void add_buffers(FilePlan& plan, const std::string& scope, int64_t positions) {
  plan.add(scope + "freqs_cis", FileDType::kBFloat16, {positions, kDacHeadDim / 2, 2},
           RotaryTable{});
  plan.add(scope + "causal_mask", FileDType::kBool, {positions, positions}, LeftZero{});
}

FilePlan plan_codec(const fs::path& folder, ModelSize size, const std::string& prefix) {
  FilePlan plan{folder / "fish-s1-dac-min" / "pytorch_model.safetensors", {}, {}};
  const S1DacConfig config = s1_dac_config(size);
  const auto random = [&](const std::string& name, const Distribution& distribution) {
    return RandomFill{RandomTensor(prefix, name, distribution), false};
  };
  for (const TensorSpec& spec : s1_dac_layout(config)) {
    if (spec.norm == WeightNorm::kNone) {
      plan.add(spec.name, FileDType::kFloat32, spec.shape,
               random(spec.name, s1_dac_distribution(spec)));
      continue;
    }
    const std::string layer = spec.name.substr(0, spec.name.rfind('.') + 1);
    const WeightNormNames names = weight_norm_names(spec.norm);
    const std::string g = layer + std::string(names.g), v = layer + std::string(names.v);
    plan.add(g, FileDType::kFloat32, {spec.shape[0], 1, 1}, random(g, s1_dac_length(spec)));
    plan.add(v, FileDType::kFloat32, spec.shape, random(v, s1_dac_distribution(spec)));
  }
  const bool full = size == ModelSize::kFull;
  const size_t last = config.encoder_rates.size();
  add_buffers(plan, "encoder.block." + std::to_string(last) + ".block.5.", full ? 16384 : 640);
  for (const char* scope : {"quantizer.pre_module.", "quantizer.post_module."}) {
    add_buffers(plan, scope, full ? 4096 : 256);
  }
  return plan;
}

FilePlan plan_pca(const fs::path& folder, ModelSize size, const std::string& prefix) {
  FilePlan plan{folder / "echo-tts-base" / "pca_state.safetensors", {}, {}};
  const int64_t latents = echo_dit_config(size).latent_size;
  const int64_t width = s1_dac_config(size).latent_dim;
  // Rows of length 1, nearly at right angles when there are many more columns than rows.
  const auto scale = static_cast<float>(std::sqrt(3.0 / static_cast<double>(width)));
  plan.add("pca_components", FileDType::kFloat32, {latents, width},
           RandomFill{RandomTensor(prefix, "pca_components", {0, scale}), false});
  plan.add("pca_mean", FileDType::kFloat32, {width},
           RandomFill{RandomTensor(prefix, "pca_mean", {0, 0.9f}), false});
  plan.add("latent_scale", FileDType::kFloat32, {1}, Constant{1.0f / 18});
  return plan;
}

// Cosine and sine of position * 10000^(-pair / pairs), the angle in float32 as in the published
// buffers; values first, first + 1, ...
void rotary_values(int64_t first, std::span<uint16_t> out) {
  constexpr int64_t kPairs = kDacHeadDim / 2;
  for (size_t i = 0; i < out.size(); ++i) {
    const int64_t index = first + static_cast<int64_t>(i);
    const int64_t position = index / (2 * kPairs), pair = index / 2 % kPairs;
    const float exponent = static_cast<float>(pair) / float{kPairs};
    const float frequency = 1.0f / static_cast<float>(std::pow(10000.0, double{exponent}));
    const double angle = static_cast<float>(position) * frequency;
    out[i] =
        float_to_bfloat16(static_cast<float>(index % 2 == 0 ? std::cos(angle) : std::sin(angle)));
  }
}

// A part of one tensor, the unit of work.
struct Chunk {
  SafetensorsWriter* writer = nullptr;
  size_t tensor = 0;
  const Fill* fill = nullptr;
  int64_t first = 0;
  int64_t count = 0;
};

class ChunkFiller {
 public:
  // Returns the bytes written.
  uint64_t operator()(const Chunk& chunk) {
    const auto count = static_cast<size_t>(chunk.count);
    const bool wide = chunk.writer->tensors()[chunk.tensor].dtype == FileDType::kFloat32;
    const auto first = static_cast<uint64_t>(chunk.first);
    if (wide) {
      floats_.resize(count);
      if (const auto* random = std::get_if<RandomFill>(chunk.fill)) {
        if (random->rounded) {
          halves_.resize(count);
          random->values.values(first, halves_);
          std::transform(halves_.begin(), halves_.end(), floats_.begin(), bfloat16_to_float);
        } else {
          random->values.values(first, floats_);
        }
        raise(random->outliers, chunk, [&](size_t i, float factor) { floats_[i] *= factor; });
      } else {
        std::fill(floats_.begin(), floats_.end(), std::get<Constant>(*chunk.fill).value);
      }
      return write(chunk, std::as_bytes(std::span(floats_)));
    }
    halves_.resize(count);
    if (const auto* random = std::get_if<RandomFill>(chunk.fill)) {
      random->values.values(first, halves_);
      raise(random->outliers, chunk, [&](size_t i, float factor) {
        halves_[i] = float_to_bfloat16(bfloat16_to_float(halves_[i]) * factor);
      });
    } else {
      rotary_values(chunk.first, halves_);
    }
    return write(chunk, std::as_bytes(std::span(halves_)));
  }

 private:
  // f(index in the chunk, factor) for its outliers.
  template <class F>
  void raise(const Outliers& outliers, const Chunk& chunk, F f) {
    if (outliers.channel == 0) return;
    for (int64_t i = 0; i < chunk.count; ++i) {
      const float factor = outliers.factor_at(chunk.first + i);
      if (factor != 1.0f) f(static_cast<size_t>(i), factor);
    }
  }

  uint64_t write(const Chunk& chunk, std::span<const std::byte> bytes) {
    const uint64_t element = bytes.size() / static_cast<uint64_t>(chunk.count);
    chunk.writer->write(chunk.tensor, static_cast<uint64_t>(chunk.first) * element, bytes);
    return bytes.size();
  }

  std::vector<float> floats_;
  std::vector<uint16_t> halves_;
};

std::vector<Chunk> chunks_of(const FilePlan& plan, SafetensorsWriter& writer) {
  std::vector<Chunk> chunks;
  for (size_t i = 0; i < plan.tensors.size(); ++i) {
    if (std::holds_alternative<LeftZero>(plan.fills[i])) continue;
    int64_t elements = 1;
    for (const int64_t dim : plan.tensors[i].shape) elements *= dim;
    for (int64_t first = 0; first < elements; first += kChunkElements) {
      chunks.push_back(
          {&writer, i, &plan.fills[i], first, std::min(kChunkElements, elements - first)});
    }
  }
  return chunks;
}

// Does all chunks on several threads. The first error stops them and is thrown.
void fill_all(const std::vector<Chunk>& chunks, uint64_t total,
              const RandomCheckpointOptions& options) {
  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::exception_ptr error;
  uint64_t done = 0;
  const auto work = [&] {
    ChunkFiller fill;
    try {
      for (size_t i = next++; i < chunks.size(); i = next++) {
        const uint64_t bytes = fill(chunks[i]);
        const std::scoped_lock lock(mutex);
        done += bytes;
        if (options.progress && !error) options.progress(done, total);
      }
    } catch (...) {
      next = chunks.size();
      const std::scoped_lock lock(mutex);
      if (!error) error = std::current_exception();
    }
  };
  const int processors = static_cast<int>(std::thread::hardware_concurrency());
  const int threads = std::clamp(options.threads > 0 ? options.threads : processors, 1, 64);
  std::vector<std::jthread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(work);
  work();
  others.clear();
  if (error) std::rethrow_exception(error);
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw_unavailable(folder.string() + ": cannot be made: " + error.message());
}

// A trained checkpoint took hours to download; an old random one can go.
void refuse_to_overwrite(const fs::path& path) {
  std::error_code error;
  if (!fs::exists(fs::symlink_status(path, error))) return;
  bool random = false;
  try {
    const auto file = SafetensorsFile::open(path);
    const auto origin = file->metadata().find(kOriginKey);
    random = origin != file->metadata().end() && origin->second.starts_with(kOrigin);
  } catch (const Error&) {
    // Not one of ours, whatever it is.
  }
  if (!random) {
    throw_invalid(path.string() +
                  ": exists and was not made here; remove it or choose another directory");
  }
}

void check_space(const fs::path& folder, uint64_t needed) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (error || space.available >= needed) return;
  throw_unavailable(folder.string() + ": found " + std::to_string(space.available) +
                    " bytes free, expected " + std::to_string(needed) + " for the checkpoint");
}

const char* size_name(ModelSize size) {
  switch (size) {
    case ModelSize::kTiny:
      return "tiny";
    case ModelSize::kFull:
      return "full";
    case ModelSize::kRealSlice:
      return "real-slice";
  }
  return "";
}

}  // namespace

std::optional<ModelSize> parse_model_size(std::string_view name) {
  for (const ModelSize size : {ModelSize::kTiny, ModelSize::kFull, ModelSize::kRealSlice}) {
    if (name == size_name(size)) return size;
  }
  return {};
}

EchoDitConfig echo_dit_config(ModelSize size) {
  EchoDitConfig config;
  config.latent_size = 80;
  config.text_vocab_size = 256;
  config.speaker_patch_size = 4;
  config.blockwise = true;
  if (size == ModelSize::kTiny) {
    config.model_size = 128;
    config.num_layers = 3;
    config.num_heads = 4;
    config.intermediate_size = 352;
    config.text = config.speaker = EncoderConfig{2, 96, 3, 256};
    config.timestep_embed_size = 64;
    config.adaln_rank = 16;
    return config;
  }
  const bool full = size == ModelSize::kFull;
  config.model_size = 2048;
  config.num_layers = full ? 24 : 1;
  config.num_heads = 16;
  config.intermediate_size = 5888;
  config.text = config.speaker = EncoderConfig{full ? 14 : 1, 1280, 10, 3328};
  config.timestep_embed_size = 512;
  config.adaln_rank = 256;
  return config;
}

S1DacConfig s1_dac_config(ModelSize size) {
  S1DacConfig config;
  config.encoder_rates = {2, 4, 8, 8};
  config.decoder_rates = {8, 8, 4, 2};
  config.downsample_factors = {2, 2};
  config.num_codebooks = 9;
  config.codebook_dim = 8;
  if (size == ModelSize::kFull) {
    config.encoder_dim = 64;
    config.encoder_transformers = {{}, {}, {}, {4, 1024, 16, 3072}};
    config.latent_dim = 1024;
    config.decoder_dim = 1536;
    config.pre_module = config.post_module = {8, 1024, 16, 3072};
    config.semantic_codebook_size = 4096;
    config.codebook_size = 1024;
    return config;
  }
  config.encoder_dim = 8;
  config.encoder_transformers = {{}, {}, {}, {2, 128, 2, 384}};
  config.latent_dim = 128;
  config.decoder_dim = 96;
  config.pre_module = config.post_module = {2, 128, 2, 224};
  config.semantic_codebook_size = 128;
  config.codebook_size = 64;
  return config;
}

ModelFiles write_random_checkpoint(const fs::path& folder, const RandomCheckpointOptions& options) {
  const std::string prefix = "echo-random-v1/" + std::to_string(options.seed) + "/";
  const FilePlan plans[] = {plan_dit(folder, options.size, options.outliers, prefix),
                            plan_codec(folder, options.size, prefix),
                            plan_pca(folder, options.size, prefix)};
  const std::map<std::string, std::string> metadata = {
      {"format", "pt"},
      {kOriginKey, std::string(kOrigin) + ", size " + size_name(options.size) + ", seed " +
                       std::to_string(options.seed) +
                       (options.outliers ? ", planted outliers" : "")}};

  std::vector<std::unique_ptr<SafetensorsWriter>> writers;
  std::vector<Chunk> chunks;
  for (const FilePlan& plan : plans) {
    refuse_to_overwrite(plan.path);
    make_folder(plan.path.parent_path());
    writers.push_back(std::make_unique<SafetensorsWriter>(plan.path, plan.tensors, metadata));
    for (const Chunk& chunk : chunks_of(plan, *writers.back())) chunks.push_back(chunk);
  }
  uint64_t total = 0;
  for (const Chunk& chunk : chunks) {
    total += static_cast<uint64_t>(chunk.count *
                                   file_dtype_size(chunk.writer->tensors()[chunk.tensor].dtype));
  }
  check_space(folder, total);
  fill_all(chunks, total, options);
  for (const auto& writer : writers) writer->commit();
  return ModelFiles{plans[0].path, plans[1].path, plans[2].path};
}

}  // namespace echo
