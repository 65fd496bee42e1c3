// Where the published files lie in a folder, or the one file that they were packed into.
#pragma once

#include <filesystem>
#include <string_view>

#include "nn/weights.h"

namespace echo {

struct ModelFiles {
  std::filesystem::path dit;    // EchoDiT
  std::filesystem::path codec;  // S1-DAC
  std::filesystem::path pca;    // PCA state
};

// A packed file holds all three, each under a scope of its own. Its metadata has the format and the
// version; tensors may have layouts (see kLayoutKey), and layers are folded (see fold_weight_norm).
inline constexpr std::string_view kPackFormat = "echo-tts-pack";
inline constexpr std::string_view kPackVersion = "1";
inline constexpr std::string_view kFormatKey = "format";
inline constexpr std::string_view kVersionKey = "version";
// Of all bytes after the header, in hexadecimal.
inline constexpr std::string_view kHashKey = "sha256";
// "float32" or "bfloat16": what the codec's matrices were packed for.
inline constexpr std::string_view kCodecPrecisionKey = "codec precision";
// "identity " and a scope: of the weights before they were packed, see model_identity().
inline constexpr std::string_view kIdentityKey = "identity ";
inline constexpr std::string_view kDitScope = "dit", kCodecScope = "codec", kPcaScope = "pca";

bool is_pack(const SafetensorsFile& file);

// The roots of the three.
struct ModelWeights {
  Weights dit, codec, pca;
};
// Opens them. Errors: as SafetensorsFile::open; kCorrupt for a packed file of another version.
ModelWeights open_model(const ModelFiles& files);

// Finds the three files. `folder` may be a packed file, which is all of them. In a folder, for each
// of them, in this order:
//   1. the repositories side by side: echo-tts-base/pytorch_model.safetensors,
//      echo-tts-base/pca_state.safetensors, fish-s1-dac-min/pytorch_model.safetensors
//   2. names that say what is what: dit.safetensors, dac.safetensors, pca_state.safetensors
//   3. the hub's cache: models--*--echo-tts-base/snapshots/REVISION/..., in the folder or in its
//      hub/; the revision is the one in refs/main, or the only one there
//   4. any other *.safetensors in the folder, told apart by the tensors in them
// Errors: kNotFound when the folder or a file is missing, with all that was looked for;
// kInvalidArgument when it is another file or a choice is not clear; kCorrupt when a file that had
// to be opened is not a safetensors file.
ModelFiles find_model_files(const std::filesystem::path& folder);

}  // namespace echo
