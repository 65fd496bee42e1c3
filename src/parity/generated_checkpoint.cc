#include "parity/generated_checkpoint.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <thread>
#include <vector>

#include "base/error.h"
#include "checkpoint/random_weights.h"
#include "parity/recorded_inputs.h"
#include "tensor/dtype.h"

namespace echo::parity {
namespace {

using nlohmann::json;

constexpr int64_t kMaxElements = int64_t{4} << 30;
constexpr const char* kVectorRow = "weight generator";
constexpr const char* kWeightRow = "generated weights";

struct Plan {
  std::string name;
  Distribution distribution;
  int64_t first = 0;  // element of the file's data
  int64_t elements = 1;
};

// Works through all plans on several threads.
void fill(const std::vector<Plan>& plans, const std::string& prefix, int threads,
          uint16_t* values) {
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < plans.size(); i = next++) {
      const Plan& plan = plans[i];
      RandomTensor(prefix, plan.name, plan.distribution)
          .values(0, std::span(values + plan.first, static_cast<size_t>(plan.elements)));
    }
  };
  std::vector<std::jthread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(work);
  work();
}

uint64_t hexadecimal(const std::string& text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw_corrupt("test_vectors: \"" + text.substr(0, 40) + "\" is not a hexadecimal number");
  }
  return value;
}

void check_vectors(const json& vectors, Report& report) {
  for (const auto& [text, hash] : vectors.at("fnv1a64").items()) {
    report.add(kVectorRow, "fnv1a64", fnv1a64(text) == hexadecimal(hash.get<std::string>()));
  }
  for (const auto& [seed, outputs] : vectors.at("splitmix64").items()) {
    for (size_t i = 0; i < outputs.size(); ++i) {
      report.add(kVectorRow, "splitmix64 " + seed,
                 splitmix64(hexadecimal(seed), i) == hexadecimal(outputs[i].get<std::string>()));
    }
  }
  for (const auto& [name, units] : vectors.at("unit").items()) {
    std::vector<float> values(units.size());
    RandomTensor("", name, {0, 1}).values(0, values);
    report.add(kVectorRow, "unit " + name, values == units.get<std::vector<float>>());
  }
  for (const auto& [value, rounded] : vectors.at("bf16_rne").items()) {
    const float result = bfloat16_to_float(float_to_bfloat16(std::stof(value)));
    report.add(kVectorRow, "bf16_rne " + value, result == rounded.get<float>());
  }
}

// Sums of bfloat16 values are nearly exact in double; only the order of adding differs.
bool near(double sum, const json& recorded, double squares) {
  return std::abs(sum - recorded.get<double>()) <= 1e-11 * squares;
}

bool same_weights(const TensorView& tensor, const json& recorded) {
  const std::vector<float> values = tensor.to_float32();
  const auto first = recorded.at("first4").get<std::vector<float>>();
  if (values.size() < first.size() || values.empty()) return false;
  double sum = 0, squares = 0;
  for (const double v : values) {
    sum += v;
    squares += v * v;
  }
  return std::equal(first.begin(), first.end(), values.begin()) &&
         values.back() == recorded.at("last").get<float>() &&
         near(sum, recorded.at("sum"), squares) && near(squares, recorded.at("sumsq"), squares);
}

}  // namespace

GeneratedCheckpoint::GeneratedCheckpoint(const GoldenSet& set, int threads) {
  const json& manifest = set.manifest();
  const auto prefix = manifest.at("prefix").get<std::string>();
  json header = json::object();
  std::vector<Plan> plans;
  int64_t total = 0;
  for (const auto& [name, entry] : manifest.at("tensors").items()) {
    Plan plan{name, {entry.at("offset").get<float>(), entry.at("scale").get<float>()}, total};
    const auto shape = entry.at("shape").get<std::vector<int64_t>>();
    for (const int64_t dim : shape) {
      if (dim < 1 || dim > kMaxElements || plan.elements > kMaxElements / dim) {
        throw_corrupt("manifest: the shape of tensor " + quoted_name(name) +
                      " is out of range: " + shape_text(shape));
      }
      plan.elements *= dim;
    }
    total += plan.elements;
    if (total > kMaxElements) throw_corrupt("manifest: the tensors are larger than 8 GiB");
    header[name] = {
        {"dtype", "BF16"}, {"shape", shape}, {"data_offsets", {2 * plan.first, 2 * total}}};
    plans.push_back(std::move(plan));
  }
  // The largest first, so that the threads end together.
  std::sort(plans.begin(), plans.end(),
            [](const Plan& a, const Plan& b) { return a.elements > b.elements; });

  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t length = text.size();
  const size_t size = sizeof length + text.size() + 2 * static_cast<size_t>(total);
  bytes_.reset(new std::byte[size]);  // not zeroed: every byte is written below
  std::memcpy(bytes_.get(), &length, sizeof length);
  std::memcpy(bytes_.get() + sizeof length, text.data(), text.size());
  const int processors = static_cast<int>(std::thread::hardware_concurrency());
  fill(plans, prefix, std::clamp(threads > 0 ? threads : processors, 1, 64),
       reinterpret_cast<uint16_t*>(bytes_.get() + sizeof length + text.size()));
  file_ = SafetensorsFile::from_bytes(std::span(bytes_.get(), size),
                                      set.folder().string() + ": generated weights");
}

void check_generated_weights(const GoldenSet& set, const SafetensorsFile& file, Report& report) {
  const json& manifest = set.manifest();
  if (manifest.contains("test_vectors")) {
    report.attempt(kVectorRow, "test_vectors",
                   [&] { check_vectors(manifest.at("test_vectors"), report); });
  }
  for (const auto& [name, entry] : manifest.at("tensors").items()) {
    report.attempt(kWeightRow, name, [&, &tensor = name, &recorded = entry] {
      report.add(kWeightRow, tensor, same_weights(file.tensor(tensor), recorded));
      if (!recorded.contains("fnv1a64")) return;
      const std::string full = manifest.at("prefix").get<std::string>() + tensor;
      report.add(kVectorRow, "fnv1a64 of " + tensor,
                 fnv1a64(full) == hexadecimal(recorded.at("fnv1a64").get<std::string>()));
    });
  }
}

}  // namespace echo::parity
