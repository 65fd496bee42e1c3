// Writes a checkpoint of random weights in the published layout: names, shapes and dtypes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>

#include "checkpoint/echo_dit_layout.h"
#include "checkpoint/model_files.h"
#include "checkpoint/s1_dac_layout.h"

namespace echo {

enum class ModelSize {
  kTiny,       // a few layers of small width: 15 MB, for tests and demonstrations
  kFull,       // the published sizes: 7.5 GB, for benchmarks
  kRealSlice,  // the DiT's real widths with one layer a stack, and the tiny codec: 0.7 GB
};

// "tiny", "full", "real-slice"; nothing for another name.
std::optional<ModelSize> parse_model_size(std::string_view name);

EchoDitConfig echo_dit_config(ModelSize size);
S1DacConfig s1_dac_config(ModelSize size);

struct RandomCheckpointOptions {
  ModelSize size = ModelSize::kTiny;
  uint64_t seed = 0;
  int threads = 0;  // 0: one for each processor
  // Called now and then with bytes written and bytes in all, by one thread at a time. What it
  // throws ends the writing and leaves no file.
  std::function<void(uint64_t done, uint64_t total)> progress;
  // The transformer's last blocks, at most four and never the first, get what a trained model has
  // there: in a few channels the residual stream grows to 32 times the others, and keys to 64
  // times. For tests of low precision.
  bool outliers = false;
};

// Writes folder/echo-tts-base/{pytorch_model,pca_state}.safetensors and
// folder/fish-s1-dac-min/pytorch_model.safetensors, making the folders. The files depend on size
// and seed alone. Those of real-slice's DiT are the weights that the recorded data of that name was
// made with, whatever the seed, and are stored as F32 so that it is run in float32, as recorded;
// the other DiTs are BF16, all codecs F32. A file appears only when it is whole. Files that hold
// other than random weights are not overwritten (kInvalidArgument). Errors: kUnavailable when a
// folder cannot be written or the disk is too small.
ModelFiles write_random_checkpoint(const std::filesystem::path& folder,
                                   const RandomCheckpointOptions& options);

}  // namespace echo
