#include "engine/model_pack.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "base/file_io.h"
#include "checkpoint/echo_dit_layout.h"
#include "checkpoint/s1_dac_layout.h"
#include "engine/model_defaults.h"
#include "engine/model_identity.h"
#include "engine/plan.h"
#include "engine/sample_voices.h"
#include "models/pca_state.h"
#include "nn/safetensors_writer.h"
#include "tensor/blocked_layout.h"

namespace echo {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kAlignment = 64;        // of a matrix that is used in place
constexpr int64_t kLarge = 1 << 16;        // elements; smaller tensors are not worth another form
constexpr int64_t kLargeMatrix = 1 << 14;  // of the transformer, likewise another order
constexpr size_t kHashDigits = 64;
constexpr int64_t kSomeSize = 1024;  // of a matrix

struct Entry {
  PlannedTensor tensor;
  std::string layout;                            // empty: row by row
  std::function<std::vector<std::byte>()> read;  // the bytes to be stored
};

template <class T>
std::vector<std::byte> bytes_of(std::span<const T> values) {
  const auto bytes = std::as_bytes(values);
  return {bytes.begin(), bytes.end()};
}

std::vector<std::byte> rounded(std::span<const float> values) {
  std::vector<uint16_t> halves(values.size());
  std::transform(values.begin(), values.end(), halves.begin(), float_to_bfloat16);
  return bytes_of<uint16_t>(halves);
}

int64_t elements(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (const int64_t extent : shape) count *= extent;
  return count;
}

bool ends_with_any(const std::string& name, std::initializer_list<const char*> ends) {
  return std::any_of(ends.begin(), ends.end(),
                     [&](const char* end) { return name.ends_with(end); });
}

// Whether a layer takes the tensor as the matrix of a matmul (others are read value by value).
bool is_dit_matrix(const TensorSpec& spec) {
  return spec.shape.size() == 2 && elements(spec.shape) >= kLargeMatrix &&
         !ends_with_any(spec.name, {"text_embedding.weight", "_norm.weight"});
}
bool is_codec_matrix(const TensorSpec& spec) {
  return spec.shape.size() == 2 && elements(spec.shape) >= kLarge &&
         ends_with_any(spec.name, {"wqkv.weight", "wo.weight", "w1.weight", "w2.weight",
                                   "w3.weight", "pwconv1.weight", "pwconv2.weight"});
}
// Codebooks and the first convolution are always computed in float32.
bool may_be_rounded(const TensorSpec& spec) {
  return elements(spec.shape) >= kLarge &&
         !spec.name.starts_with("quantizer.semantic_quantizer.") &&
         !spec.name.starts_with("quantizer.quantizer.") &&
         !spec.name.starts_with("encoder.block.0.");
}

class Packer {
 public:
  explicit Packer(const ModelPackOptions& options)
      : options_(options), model_(open_model(options.files)) {
    for (const Weights* part : {&model_.dit, &model_.codec, &model_.pca}) {
      if (is_pack(part->file())) throw_invalid(part->file().path() + ": is packed already");
    }
    if (options.layout == PackLayout::kNative) backend_ = make_device(options.device);
    if (options.precision == Precision::kAuto) return;
    if (options.precision != Precision::kInt8) {
      throw_invalid("precision of a packed file: expected auto or int8");
    }
    // Only a backend that can multiply a stored matrix has a layout of one.
    if (!backend_ || !backend_->packs(DType::kInt8) ||
        backend_->packed_layout(kSomeSize, kSomeSize, DType::kInt8).empty()) {
      throw_invalid(
          "precision of a packed file: found int8, expected auto: int8 is for the native layout of "
          "a processor with AVX-512 VNNI");
    }
  }

  ModelPackResult run() {
    add_dit();
    add_codec();
    add_pca();
    if (options_.voices) add_voices();
    arrange();
    write();
    for (const fs::path& file :
         std::set<fs::path>{options_.files.dit, options_.files.codec, options_.files.pca}) {
      result_.source_bytes += fs::file_size(file);
    }
    return result_;
  }

 private:
  // In the type that the device multiplies a matrix of this type in, and in its layout if it has
  // one. `values` gives a matrix of that stored type, row by row.
  void add(const std::string& scope, const TensorSpec& spec, FileDType dtype, bool matrix,
           std::function<std::vector<std::byte>()> values, bool quantized = false) {
    Entry entry{{scope + "." + spec.name, dtype, spec.shape}, {}, std::move(values)};
    if (matrix && backend_ && (dtype == FileDType::kFloat32 || dtype == FileDType::kBFloat16)) {
      const DType stored = dtype == FileDType::kFloat32 ? DType::kFloat32 : DType::kBFloat16;
      const DType precision = quantized ? DType::kInt8 : backend_->compute_dtype(stored);
      const HostWeights host{nullptr, stored, spec.shape[0], spec.shape[1]};
      entry.layout = backend_->packed_layout(host.out, host.in, precision);
      if (!entry.layout.empty()) {
        entry.tensor.dtype = precision == DType::kFloat32 ? FileDType::kFloat32
                             : precision == DType::kInt8  ? FileDType::kInt32
                                                          : FileDType::kBFloat16;
        entry.tensor.shape = {BlockedLayout::parse(entry.layout).bytes() /
                              file_dtype_size(entry.tensor.dtype)};
        entry.read = [this, host, precision, read = std::move(entry.read)] {
          const std::vector<std::byte> rows = read();
          HostWeights weights = host;
          weights.data = rows.data();
          return bytes_of(backend_->packed_bytes(*backend_->pack(weights, 1, 1, precision)));
        };
        ++result_.matrices;
      }
    }
    entries_.push_back(std::move(entry));
  }

  void add_stored(const std::string& scope, const Weights& root, const TensorSpec& spec,
                  bool matrix, bool quantized = false) {
    const TensorView& tensor = root.tensor(spec.name);
    add(
        scope, {spec.name, tensor.shape, WeightNorm::kNone}, tensor.dtype, matrix,
        [&tensor] {
          std::vector<std::byte> bytes = bytes_of(tensor.bytes);
          release_pages(tensor);
          return bytes;
        },
        quantized);
  }

  void add_dit() {
    EchoDitConfig config = infer_echo_dit_config(model_.dit);
    config.blockwise = config.blockwise && options_.blockwise;
    const bool int8 = options_.precision == Precision::kInt8;
    for (const TensorSpec& spec : echo_dit_layout(config)) {
      add_stored(std::string(kDitScope), model_.dit, spec, is_dit_matrix(spec),
                 int8 && !stays_wide(config, spec.name, options_.wide_blocks));
    }
    if (int8) metadata_[std::string(kWideBlocksKey)] = std::to_string(options_.wide_blocks);
  }

  void add_codec() {
    const bool round = options_.codec_precision == Precision::kBFloat16;
    for (const TensorSpec& spec : s1_dac_layout(infer_s1_dac_config(model_.codec))) {
      const bool rounds = round && may_be_rounded(spec);
      if (spec.norm == WeightNorm::kNone && !rounds) {
        add_stored(std::string(kCodecScope), model_.codec, spec, is_codec_matrix(spec));
        continue;
      }
      constexpr std::string_view kWeight = ".weight";
      const Weights layer = spec.norm == WeightNorm::kNone
                                ? model_.codec
                                : model_.codec[std::string_view(spec.name).substr(
                                      0, spec.name.size() - kWeight.size())];
      add(std::string(kCodecScope), spec, rounds ? FileDType::kBFloat16 : FileDType::kFloat32,
          is_codec_matrix(spec), [layer, spec, rounds] {
            const std::vector<float> values = spec.norm == WeightNorm::kNone
                                                  ? layer.tensor(spec.name).to_float32()
                                                  : fold_weight_norm(layer).values;
            return rounds ? rounded(values) : bytes_of<float>(values);
          });
    }
    if (round) metadata_[std::string(kCodecPrecisionKey)] = "bfloat16";
  }

  void add_pca() {
    read_pca_state(model_.pca);
    for (const char* name : {"pca_components", "pca_mean", "latent_scale"}) {
      add_stored(std::string(kPcaScope), model_.pca, {name, {}, WeightNorm::kNone}, false);
    }
  }

  void add_voices() {
    const SampleVoices voices(options_.files);
    if (voices.empty()) return;
    const fs::path folder = voices.folder();
    const auto refuse = [&](const fs::path& place, const std::string& found, uint64_t most) {
      throw_invalid(place.string() + ": found " + found + ", expected at most " +
                    std::to_string(most) + " in a packed file, which can be had without voices");
    };
    result_.voices = voices.names().size();
    if (result_.voices > SampleVoices::kMaxPacked) {
      refuse(folder, std::to_string(result_.voices) + " recordings", SampleVoices::kMaxPacked);
    }
    for (const std::string& name : voices.names()) {
      const fs::path file = folder / name;
      const uint64_t size = fs::file_size(file);
      if (size > SampleVoices::kMaxPackedBytes) {
        refuse(file, std::to_string(size) + " bytes", SampleVoices::kMaxPackedBytes);
      }
      const std::vector<std::byte> words = packed_recording(read_file(file));
      entries_.push_back({{std::string(kVoicesScope) + "." + name,
                           FileDType::kInt32,
                           {static_cast<int64_t>(words.size() / 4)}},
                          {},
                          [words] { return words; }});
    }
  }

  // In the order in which the writer will lay them out, each matrix that is used in place at a
  // multiple of the alignment.
  void arrange() {
    const auto rank = [](const Entry& entry) {
      return std::pair(-file_dtype_size(entry.tensor.dtype), entry.layout.empty());
    };
    std::stable_sort(entries_.begin(), entries_.end(),
                     [&](const Entry& a, const Entry& b) { return rank(a) < rank(b); });
    uint64_t wide = 0;
    auto narrow = entries_.begin();
    for (; narrow != entries_.end() && file_dtype_size(narrow->tensor.dtype) >= 4; ++narrow) {
      wide += static_cast<uint64_t>(elements(narrow->tensor.shape) *
                                    file_dtype_size(narrow->tensor.dtype));
    }
    const uint64_t gap = (kAlignment - wide % kAlignment) % kAlignment;
    if (gap > 0) {
      entries_.insert(narrow, {{"padding", FileDType::kFloat32, {static_cast<int64_t>(gap / 4)}},
                               {},
                               [gap] { return std::vector<std::byte>(gap); }});
    }
  }

  void write() {
    metadata_[std::string(kFormatKey)] = kPackFormat;
    metadata_[std::string(kVersionKey)] = kPackVersion;
    metadata_[std::string(kHashKey)] = std::string(kHashDigits, '0');
    if (const std::string defaults = model_defaults_text(options_.files); !defaults.empty()) {
      metadata_[std::string(kModelDefaultsFile)] = defaults;
    }
    metadata_[std::string(kIdentityKey) + std::string(kCodecScope)] = model_identity(model_.codec);
    metadata_[std::string(kIdentityKey) + std::string(kPcaScope)] = model_identity(model_.pca);
    std::vector<PlannedTensor> tensors;
    for (const Entry& entry : entries_) {
      tensors.push_back(entry.tensor);
      if (!entry.layout.empty()) {
        metadata_[std::string(kLayoutKey) + entry.tensor.name] = entry.layout;
      }
    }
    SafetensorsWriter writer(options_.output, std::move(tensors), metadata_);
    check_space(writer.bytes());
    Digest sum(DigestKind::kSha256);
    uint64_t done = 0;
    for (size_t i = 0; i < entries_.size(); ++i) {
      const std::vector<std::byte> bytes = entries_[i].read();
      writer.write(i, 0, bytes);
      sum.update({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
      done += bytes.size();
      if (options_.progress) options_.progress(done, writer.bytes());
    }
    writer.replace_metadata(kHashKey, std::string(kHashDigits, '0'), hex(sum.finish()));
    writer.commit(true);
    result_.bytes = writer.bytes();
  }

  void check_space(uint64_t needed) const {
    std::error_code error;
    const fs::path folder = fs::absolute(options_.output, error).parent_path();
    const fs::space_info space = fs::space(folder, error);
    if (error || space.available >= needed) return;
    throw_unavailable(options_.output.string() + ": found " + std::to_string(space.available) +
                      " bytes free, expected " + std::to_string(needed) + " for the packed file");
  }

  const ModelPackOptions& options_;
  const ModelWeights model_;
  std::unique_ptr<Backend> backend_;
  std::vector<Entry> entries_;
  std::map<std::string, std::string> metadata_;
  ModelPackResult result_;
};

}  // namespace

ModelPackResult pack_model(const ModelPackOptions& options) { return Packer(options).run(); }

}  // namespace echo
