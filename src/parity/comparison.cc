#include "parity/comparison.h"

#include <utility>

namespace echo::parity {

std::string Comparison::row(std::string_view stage) const {
  return std::string(stage) + variant_ + (bfloat16() ? ", bf16" : "");
}

void Comparison::compare(std::string_view stage, const std::string& tensor,
                         std::span<const float> values) const {
  if (bfloat16()) {
    report.compare_bfloat16(row(stage), set, tensor, values);
  } else {
    report.compare(row(stage), set, tensor, values);
  }
}

void Comparison::compare(std::string_view stage, const std::string& tensor,
                         const Tensor& value) const {
  std::vector<float> values = value.to_host();
  const size_t own = values.size();
  const auto recorded = static_cast<size_t>(set.tensor(tensor).elements());
  if (own > 0 && recorded % own == 0) {
    while (values.size() < recorded) {
      values.insert(values.end(), values.begin(), values.begin() + static_cast<ptrdiff_t>(own));
    }
  } else if (recorded > 0 && own % recorded == 0) {
    values.resize(recorded);
  }
  compare(stage, tensor, values);
}

void Comparison::attempt(std::string_view stage, std::string_view name,
                         const std::function<void()>& cases) const {
  report.attempt(row(stage), name, cases);
}

Probe Comparison::probe(std::string_view stage, const std::string& prefix) const {
  return [this, stage = std::string(stage), prefix](const std::string& name, const Tensor& value) {
    if (set.has(prefix + name)) compare(stage, prefix + name, value);
  };
}

void Comparison::compare_cache(std::string_view stage, const std::string& prefix,
                               const KeyValueCache& cache) const {
  for (size_t i = 0; i < cache.layers.size(); ++i) {
    const std::string layer =
        set.has(prefix + "k") ? prefix : prefix + "layer" + std::to_string(i) + ".";
    const std::pair<const char*, Tensor> parts[] = {{"k", cache.layers[i].k},
                                                    {"v", cache.layers[i].v}};
    for (const auto& [part, value] : parts) {
      if (set.has(layer + part)) compare(stage, layer + part, value);
    }
  }
}

}  // namespace echo::parity
