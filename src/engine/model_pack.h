// One file of everything that a model is loaded from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>

#include "engine/engine.h"

namespace echo {

enum class PackLayout {
  kPlain,   // matrices row by row, for any machine
  kNative,  // as this machine's backend multiplies them: used where they lie in the file
};

struct ModelPackOptions {
  ModelFiles files;
  std::filesystem::path output;
  PackLayout layout = PackLayout::kPlain;
  // Of the codec's large matrices. kAuto: as stored; kBFloat16 halves them, and they are
  // multiplied so.
  Precision codec_precision = Precision::kAuto;
  // Of the transformer's. kAuto: as stored; kInt8, for kNative and a processor with AVX-512 VNNI:
  // as Engine::load quantizes them, but for the last `wide_blocks` blocks.
  Precision precision = Precision::kAuto;
  int64_t wide_blocks = EngineOptions().wide_blocks;
  bool blockwise = true;  // with what block_sizes needs, where the checkpoint has it
  bool voices = true;     // with the model's sample voices
  DeviceOptions device;   // for kNative
  // Called now and then with bytes written and bytes in all. What it throws ends the packing and
  // leaves no file.
  std::function<void(uint64_t done, uint64_t total)> progress;
};

struct ModelPackResult {
  uint64_t source_bytes = 0;  // of the files
  uint64_t bytes = 0;         // of the packed file
  size_t matrices = 0;        // stored in a native layout
  size_t voices = 0;          // recordings in it
};

// How many of the transformer's last blocks were left wide; only in files that are packed in int8,
// which are loaded so.
inline constexpr std::string_view kWideBlocksKey = "wide blocks";

// Writes a safetensors file with the three parts under "dit.", "codec." and "pca.", only what a
// model reads: weight norms are folded, buffers left out, tensors in the order of their use. The
// model's sample voices lie under "voices.", its defaults.json goes into the metadata. A matrix in
// a native layout is read by any other machine too, but has to be packed again there. The file
// appears whole, is on the disk when this returns, and has the hash of its data. Loading it gives
// exactly the same model. Errors: as open_model and model_defaults_text; kInvalidArgument for a
// model that is packed already, for a precision that the device does not pack, and for more or
// larger recordings than SampleVoices takes from a packed file; kUnavailable when the file cannot
// be written or the disk has not enough room.
ModelPackResult pack_model(const ModelPackOptions& options);

}  // namespace echo
