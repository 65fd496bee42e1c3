// Where the published files lie in a folder.
#pragma once

#include <filesystem>

namespace echo {

struct ModelFiles {
  std::filesystem::path dit;    // EchoDiT
  std::filesystem::path codec;  // S1-DAC
  std::filesystem::path pca;    // PCA state
};

// Finds the three files in `folder`. For each of them, in this order:
//   1. the repositories side by side: echo-tts-base/pytorch_model.safetensors,
//      echo-tts-base/pca_state.safetensors, fish-s1-dac-min/pytorch_model.safetensors
//   2. names that say what is what: dit.safetensors, dac.safetensors, pca_state.safetensors
//   3. the hub's cache: models--*--echo-tts-base/snapshots/REVISION/..., in the folder or in its
//      hub/; the revision is the one in refs/main, or the only one there
//   4. any other *.safetensors in the folder, told apart by the tensors in them
// Errors: kNotFound when the folder or a file is missing, with all that was looked for;
// kInvalidArgument when it is not a folder or a choice is not clear; kCorrupt when a file that had
// to be opened for 4 is not a safetensors file.
ModelFiles find_model_files(const std::filesystem::path& folder);

}  // namespace echo
