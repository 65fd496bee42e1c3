// A folder of recorded inputs and outputs of the published code, and how near a port must come.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nn/safetensors.h"

namespace echo {

// What kind of data a folder holds, told by its files.
enum class GoldenKind {
  kStages,     // every stage at a small size, with checkpoints (noise.json)
  kBFloat16,   // a BF16 checkpoint, outputs in three precisions (outputs.safetensors)
  kRealSlice,  // real widths, generated weights (real_slice.safetensors)
  kNoise,      // random draws (randn.safetensors)
};

// The rounding noise of one recorded tensor, as relative L2 distances.
struct NoiseFloor {
  double float32 = 0;              // a float32 run against a float64 run
  std::optional<double> bfloat16;  // a bfloat16 run against a float32 run with the same t
};

// A correct float32 implementation rounds in another order than the recorded one, so it lands
// within a small multiple of the floor; below 3 a bound means nothing, above 10 it hides mistakes.
inline constexpr double kFloat32Multiple = 10;
// A GPU adds in tiles and has functions of its own for exponentials and sines.
inline constexpr double kGpuFloat32Multiple = 20;
// A correct bfloat16 implementation rounds at other places than the recorded one; the two
// deviations from float32 are independent and of equal size, so they are sqrt(2) apart.
inline constexpr double kBFloat16Multiple = 2;

struct GoldenDifference {
  double rel_l2 = 0;  // infinity when any value is not finite or the sizes differ
  double limit = 0;
  bool passed() const { return rel_l2 <= limit; }
};

// ||computed - expected|| / ||expected|| in double. Infinity when sizes differ, when a value is not
// finite, or when only `expected` is all zero.
double relative_l2(std::span<const float> computed, std::span<const float> expected);

// An open folder. Const after opening: any thread may read.
//
// Tensors are named "file/tensor", e.g. "sampler/base8.out" for base8.out in sampler.safetensors.
class GoldenSet {
 public:
  // Opens every *.safetensors in the folder. Errors: kNotFound when the folder or its manifest is
  // missing, kCorrupt when a file does not have its form.
  static GoldenSet open(const std::filesystem::path& folder);

  GoldenKind kind() const { return kind_; }
  const std::filesystem::path& folder() const { return folder_; }
  // manifest.json; for kNoise, randn.json.
  const nlohmann::json& manifest() const { return manifest_; }
  // Another JSON file of the folder, e.g. document("text") for text.json. Errors: as open().
  nlohmann::json document(std::string_view stem) const;
  // A file of tensors, e.g. file("dit") for the checkpoint dit.safetensors. Errors: kNotFound.
  std::shared_ptr<const SafetensorsFile> file(std::string_view stem) const;

  bool has(std::string_view name) const { return find(name) != nullptr; }
  // Errors: kNotFound, naming file and tensor.
  const TensorView& tensor(std::string_view name) const;
  std::vector<float> floats(std::string_view name) const { return tensor(name).to_float32(); }
  std::vector<int64_t> ints(std::string_view name) const { return tensor(name).to_int64(); }
  std::vector<uint8_t> bools(std::string_view name) const { return tensor(name).to_bools(); }

  // The noise recorded for a tensor, or nothing for inputs and exact results.
  std::optional<NoiseFloor> floor(std::string_view name) const;

  // The names of all results that have a noise floor, in order; a tensor of that name may be
  // missing.
  std::vector<std::string> results() const;

  // How far `computed` lies from the recorded tensor, with `multiple` times its floor as the limit.
  // Errors: kNotFound when the set has no such tensor or no floor for it.
  GoldenDifference compare(std::string_view name, std::span<const float> computed,
                           double multiple = kFloat32Multiple) const;
  // The same for a run in bfloat16: compared with a recorded float32 run (of the same t), with
  // kBFloat16Multiple times the recorded bfloat16 distance as the limit.
  GoldenDifference compare_bfloat16(std::string_view name, std::span<const float> computed) const;

 private:
  const TensorView* find(std::string_view name) const;
  NoiseFloor require_floor(std::string_view name) const;
  void read_floors();

  std::filesystem::path folder_;
  GoldenKind kind_ = GoldenKind::kStages;
  nlohmann::json manifest_;
  std::map<std::string, std::shared_ptr<const SafetensorsFile>, std::less<>> files_;
  std::map<std::string, NoiseFloor, std::less<>> floors_;  // by full name
};

}  // namespace echo
