#include "parity/recorded_inputs.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace echo::parity {
namespace {

using nlohmann::json;

constexpr int64_t kMaxSteps = 10000;  // of a recorded trajectory

template <class T>
void read(const json& object, const char* field, std::optional<T>& value) {
  const auto it = object.find(field);
  if (it != object.end() && !it->is_null()) value = it->get<T>();
}

void read(const json& object, const char* field, double& value) {
  const auto it = object.find(field);
  if (it != object.end() && !it->is_null()) value = it->get<double>();
}

[[noreturn]] void throw_shape(const TensorView& tensor, const char* expected) {
  throw_corrupt(tensor.label() + ": found shape " + shape_text(tensor.shape) + ", expected " +
                expected);
}

// (1, a, b): rows a, columns b.
const TensorView& matrix_of(const GoldenSet& set, const std::string& name) {
  const TensorView& tensor = set.tensor(name);
  if (tensor.shape.size() != 3 || tensor.shape[0] != 1) throw_shape(tensor, "[1, rows, columns]");
  return tensor;
}

}  // namespace

std::vector<float> finite_floats(const GoldenSet& set, const std::string& tensor) {
  std::vector<float> values = set.floats(tensor);
  if (!std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); })) {
    throw_corrupt(set.tensor(tensor).label() + ": holds values that are not finite numbers");
  }
  return values;
}

Tensor latent_of(const GoldenSet& set, const std::string& tensor, Backend& backend) {
  const TensorView& view = matrix_of(set, tensor);
  return from_host(backend, finite_floats(set, tensor), view.shape[1], view.shape[2]);
}

Tensor turned_latent_of(const GoldenSet& set, const std::string& tensor, Backend& backend) {
  const TensorView& view = matrix_of(set, tensor);
  const int64_t cols = view.shape[1], rows = view.shape[2];
  const std::vector<float> values = finite_floats(set, tensor);
  std::vector<float> turned(values.size());
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) turned[r * cols + c] = values[c * rows + r];
  }
  return from_host(backend, turned, rows, cols);
}

int64_t axis(const GoldenSet& set, const std::string& tensor, size_t index) {
  const TensorView& view = set.tensor(tensor);
  if (index >= view.shape.size()) {
    throw_shape(view, ("at least " + std::to_string(index + 1) + " axes").c_str());
  }
  return view.shape[index];
}

int64_t valid_frames(const GoldenSet& set, const std::string& mask) {
  const std::vector<uint8_t> valid = set.bools(mask);
  const auto end = std::find(valid.begin(), valid.end(), 0);
  if (std::find(end, valid.end(), 1) != valid.end()) {
    throw_corrupt(set.tensor(mask).label() + ": has a valid frame after one that is not");
  }
  return end - valid.begin();
}

std::vector<int32_t> token_ids(const GoldenSet& set, const std::string& tensor) {
  std::vector<int32_t> ids;
  for (const int64_t id : set.ints(tensor)) {
    if (id < 0 || id > 255) {
      throw_corrupt(set.tensor(tensor).label() + ": found token " + std::to_string(id) +
                    ", expected 0 to 255");
    }
    ids.push_back(static_cast<int32_t>(id));
  }
  return ids;
}

std::vector<std::string> cases_of(const GoldenSet& set, std::string_view file,
                                  std::string_view prefix, std::string_view suffix) {
  std::vector<std::string> cases;
  for (const TensorView& tensor : set.file(file)->tensors()) {
    std::string_view name = tensor.name;
    if (name.size() <= prefix.size() + suffix.size()) continue;
    if (!name.starts_with(prefix) || !name.ends_with(suffix)) continue;
    name.remove_prefix(prefix.size());
    name.remove_suffix(suffix.size());
    if (name.find('.') == name.npos) cases.emplace_back(name);
  }
  return cases;
}

int64_t integer_of(const json& object, const char* field, int64_t lowest, int64_t highest) {
  const json& value = object.at(field);
  // Numbers above 2^63 come as unsigned ones, and none is asked for.
  const bool whole = value.is_number_integer() &&
                     (!value.is_number_unsigned() || value.get<uint64_t>() <= INT64_MAX);
  if (!whole || value.get<int64_t>() < lowest || value.get<int64_t>() > highest) {
    throw_corrupt(std::string(field) + ": found " + value.dump().substr(0, 40) +
                  ", expected an integer from " + std::to_string(lowest) + " to " +
                  std::to_string(highest));
  }
  return value.get<int64_t>();
}

int64_t integer_or(const json& object, const char* field, int64_t lowest, int64_t highest,
                   int64_t otherwise) {
  const auto it = object.find(field);
  if (it == object.end() || it->is_null()) return otherwise;
  return integer_of(object, field, lowest, highest);
}

SamplerParameters sampler_parameters(const json& object) {
  SamplerParameters p;
  p.num_steps = integer_or(object, "num_steps", 1, kMaxSteps, p.num_steps);
  read(object, "cfg_scale_text", p.cfg_scale_text);
  read(object, "cfg_scale_speaker", p.cfg_scale_speaker);
  read(object, "cfg_min_t", p.cfg_min_t);
  read(object, "cfg_max_t", p.cfg_max_t);
  read(object, "truncation_factor", p.truncation_factor);
  read(object, "rescale_k", p.rescale_k);
  read(object, "rescale_sigma", p.rescale_sigma);
  read(object, "speaker_kv_scale", p.speaker_kv_scale);
  read(object, "speaker_kv_max_layers", p.speaker_kv_max_layers);
  read(object, "speaker_kv_min_t", p.speaker_kv_min_t);
  p.sequence_length = integer_or(object, "sequence_length", 1, kMaxFrames, p.sequence_length);
  return p;
}

std::vector<int64_t> block_sizes(const json& sizes) {
  std::vector<int64_t> blocks;
  for (const json& size : sizes) {
    blocks.push_back(integer_of({{"block_sizes", size}}, "block_sizes", 1, kMaxFrames));
  }
  if (blocks.empty()) throw_corrupt("block_sizes: found none, expected at least one");
  return blocks;
}

NoiseSource recorded_noise(const GoldenSet& set, std::vector<std::string> tensors) {
  return [&set, tensors = std::move(tensors), next = size_t{0}](int64_t n) mutable {
    const std::string& name = tensors.at(next++);
    std::vector<float> values = set.floats(name);
    if (static_cast<int64_t>(values.size()) != n) {
      throw_corrupt(set.tensor(name).label() + ": found " + std::to_string(values.size()) +
                    " values, expected " + std::to_string(n));
    }
    return values;
  };
}

std::vector<std::string> numbered(const std::string& prefix, size_t count) {
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) names.push_back(prefix + std::to_string(i));
  return names;
}

}  // namespace echo::parity
