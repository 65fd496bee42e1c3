#include "engine/precision.h"

#include "base/error.h"

namespace echo {
namespace {

struct Name {
  std::string_view text;
  Precision precision;
};
constexpr Name kNames[] = {{"auto", Precision::kAuto},
                           {"float32", Precision::kFloat32},
                           {"bf16", Precision::kBFloat16},
                           {"int8", Precision::kInt8},
                           {"fp8", Precision::kFloat8}};

LayerContext quantized_context(Backend& backend, DType quantized) {
  if (backend.packs(quantized))
    return {backend, backend.compute_dtype(DType::kBFloat16), quantized};
  std::string has = "float32, bf16";
  for (const DType other : {DType::kInt8, DType::kFloat8}) {
    if (backend.packs(other)) has += ", " + std::string(dtype_name(other));
  }
  throw_invalid("precision: found " + std::string(dtype_name(quantized)) +
                ", expected one that the " + backend.name() +
                " backend has on this machine: " + has);
}

}  // namespace

std::optional<Precision> parse_precision(std::string_view name) {
  for (const Name& known : kNames) {
    if (known.text == name) return known.precision;
  }
  return {};
}

std::vector<std::string> precision_names() {
  std::vector<std::string> names;
  for (const Name& known : kNames) names.emplace_back(known.text);
  return names;
}

LayerContext layer_context(Backend& backend, Precision wanted, const TensorView& sample) {
  switch (wanted) {
    case Precision::kInt8:
      return quantized_context(backend, DType::kInt8);
    case Precision::kFloat8:
      return quantized_context(backend, DType::kFloat8);
    case Precision::kFloat32:
      return {backend, DType::kFloat32};
    case Precision::kAuto:
      if (sample.dtype != FileDType::kBFloat16) return {backend, DType::kFloat32};
      break;
    case Precision::kBFloat16:
      break;
  }
  return {backend, backend.compute_dtype(DType::kBFloat16)};
}

std::string precision_text(const LayerContext& context) {
  return std::string(dtype_name(context.stored()));
}

}  // namespace echo
