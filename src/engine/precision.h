// In which precision a model's matrices are kept and multiplied.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nn/layers.h"
#include "nn/safetensors.h"

namespace echo {

enum class Precision {
  kAuto,  // as the checkpoint is stored
  kFloat32,
  kBFloat16,  // float32 where the device has no fast bfloat16
  kInt8,      // weights of 8 bits with a scale for each output; the rest bfloat16, or float32
              // where bfloat16 is not fast
  kFloat8,    // weights and activations of 8 bits (e4m3); the rest bfloat16
};

// The names on the command line and in the environment: "auto", "float32", "bf16", "int8", "fp8".
// Nothing for another name.
std::optional<Precision> parse_precision(std::string_view name);
std::vector<std::string> precision_names();

// What layers of a checkpoint are built with. `sample`: a tensor whose type stands for the
// checkpoint's. Errors: kInvalidArgument for a precision that the device does not have, with those
// it has.
LayerContext layer_context(Backend& backend, Precision wanted, const TensorView& sample);

// "float32", "bfloat16", "int8", "fp8".
std::string precision_text(const LayerContext& context);

}  // namespace echo
