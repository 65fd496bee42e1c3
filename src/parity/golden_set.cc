#include "parity/golden_set.h"

#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

#include "base/error.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr uint64_t kMaxDocument = 64 << 20;  // bytes; the largest known one has 0.1 MB

json read_json(const fs::path& path) {
  std::error_code error;
  const uint64_t size = fs::file_size(path, error);
  if (error) throw_not_found(path.string() + ": " + error.message());
  if (size > kMaxDocument) {
    throw_corrupt(path.string() + ": found " + std::to_string(size) +
                  " bytes, expected JSON of at most " + std::to_string(kMaxDocument));
  }
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  json document = json::parse(text.str(), nullptr, false);
  if (in.fail() || document.is_discarded()) throw_corrupt(path.string() + ": not valid JSON");
  return document;
}

// A number of a noise entry, or nothing.
std::optional<double> distance(const json& entry, const char* field) {
  const auto it = entry.find(field);
  if (it == entry.end() || !it->is_number()) return {};
  return it->get<double>();
}

// "dec.t136.audio_head" -> "dec.t136.audio": a stored part of a tensor whose noise was measured
// as a whole.
std::string_view without_part(std::string_view name) {
  const size_t cut = name.rfind('_');
  return cut == name.npos ? name : name.substr(0, cut);
}

}  // namespace

double relative_l2(std::span<const float> computed, std::span<const float> expected) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (computed.size() != expected.size()) return kInfinity;
  double difference = 0;
  double norm = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double d = double{computed[i]} - double{expected[i]};
    difference += d * d;
    norm += double{expected[i]} * double{expected[i]};
  }
  if (!std::isfinite(difference) || !std::isfinite(norm)) return kInfinity;
  if (norm == 0) return difference == 0 ? 0 : kInfinity;
  return std::sqrt(difference / norm);
}

GoldenSet GoldenSet::open(const fs::path& folder) {
  GoldenSet set;
  set.folder_ = folder;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() != ".safetensors") continue;
    set.files_.emplace(it->path().stem().string(), SafetensorsFile::open(it->path()));
  }
  if (error) throw_not_found("golden data " + folder.string() + ": " + error.message());
  if (set.files_.empty()) throw_not_found("golden data " + folder.string() + ": no *.safetensors");

  if (set.files_.contains("randn")) {
    set.kind_ = GoldenKind::kNoise;
  } else if (set.files_.contains("real_slice")) {
    set.kind_ = GoldenKind::kRealSlice;
  } else if (set.files_.contains("outputs")) {
    set.kind_ = GoldenKind::kBFloat16;
  }
  set.manifest_ = set.document(set.kind_ == GoldenKind::kNoise ? "randn" : "manifest");
  if (!set.manifest_.is_object()) {
    throw_corrupt("golden data " + folder.string() + ": the manifest is not a JSON object");
  }
  set.read_floors();
  return set;
}

json GoldenSet::document(std::string_view stem) const {
  return read_json(folder_ / (std::string(stem) + ".json"));
}

std::shared_ptr<const SafetensorsFile> GoldenSet::file(std::string_view stem) const {
  const auto it = files_.find(stem);
  if (it == files_.end()) {
    throw_not_found("golden data " + folder_.string() + ": no file " + std::string(stem) +
                    ".safetensors");
  }
  return it->second;
}

const TensorView* GoldenSet::find(std::string_view name) const {
  const size_t slash = name.find('/');
  if (slash == name.npos) return nullptr;
  const auto it = files_.find(name.substr(0, slash));
  return it == files_.end() ? nullptr : it->second->find(name.substr(slash + 1));
}

const TensorView& GoldenSet::tensor(std::string_view name) const {
  const size_t slash = name.find('/');
  if (slash == name.npos) {
    throw_internal("golden tensor " + quoted_name(name) + " is not of the form file/tensor");
  }
  return file(name.substr(0, slash))->tensor(name.substr(slash + 1));
}

void GoldenSet::read_floors() {
  if (kind_ == GoldenKind::kNoise) return;
  const json noise =
      kind_ == GoldenKind::kStages ? document("noise") : manifest_.value("noise", json::object());
  if (!noise.is_object()) {
    throw_corrupt("golden data " + folder_.string() + ": the noise floors are not a JSON object");
  }
  for (const auto& [name, entry] : noise.items()) {
    if (!entry.is_object()) continue;
    if (kind_ == GoldenKind::kBFloat16) {
      // One entry serves three runs: with t as given, with t rounded to bfloat16, and all bfloat16.
      const auto as_given = distance(entry, "f32_vs_f64");
      const auto rounded_t = distance(entry, "f32t_vs_f64t");
      const auto bfloat16 = distance(entry, "bf16_vs_f32_with_bf16_t");
      const bool by_t = has("outputs/f32_bf16t." + name);  // else t plays no part in it
      if (as_given) floors_["outputs/f32." + name] = {*as_given, by_t ? std::nullopt : bfloat16};
      if (by_t && rounded_t) floors_["outputs/f32_bf16t." + name] = {*rounded_t, bfloat16};
      continue;
    }
    const std::string full = kind_ == GoldenKind::kStages ? name : "real_slice/" + name;
    const auto float32 = distance(entry, "rel_l2_f32_vs_f64");
    if (float32) floors_[full] = NoiseFloor{*float32, distance(entry, "rel_l2_bf16_vs_f32")};
    // A tensor without elements has no distances; nothing can differ.
    if (entry.empty()) floors_[full] = NoiseFloor{};
  }
}

std::optional<NoiseFloor> GoldenSet::floor(std::string_view name) const {
  auto it = floors_.find(name);
  if (it == floors_.end()) it = floors_.find(without_part(name));
  if (it == floors_.end()) return {};
  return it->second;
}

std::vector<std::string> GoldenSet::results() const {
  std::vector<std::string> names;
  for (const auto& [name, floor] : floors_) names.push_back(name);
  return names;
}

NoiseFloor GoldenSet::require_floor(std::string_view name) const {
  if (const auto found = floor(name)) return *found;
  throw_not_found("golden data " + folder_.string() + ": no noise floor for " + quoted_name(name));
}

GoldenDifference GoldenSet::compare(std::string_view name, std::span<const float> computed,
                                    double multiple) const {
  const std::vector<float> expected = floats(name);
  return {relative_l2(computed, expected), multiple * require_floor(name).float32};
}

GoldenDifference GoldenSet::compare_bfloat16(std::string_view name,
                                             std::span<const float> computed) const {
  const std::vector<float> expected = floats(name);
  const NoiseFloor floor = require_floor(name);
  if (!floor.bfloat16) {
    throw_not_found("golden data " + folder_.string() + ": no bfloat16 distance for " +
                    quoted_name(name));
  }
  return {relative_l2(computed, expected), kBFloat16Multiple * *floor.bfloat16};
}

}  // namespace echo
