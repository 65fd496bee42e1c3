// The models that a set was recorded with, loaded when they are first asked for.
#pragma once

#include <map>
#include <memory>

#include "engine/device.h"
#include "models/codec.h"
#include "models/echo_dit.h"
#include "parity/comparison.h"
#include "parity/generated_checkpoint.h"

namespace echo::parity {

// One thread at a time. Refers to the set.
class RecordedModels {
 public:
  RecordedModels(const GoldenSet& set, const DeviceOptions& device);

  const DeviceOptions& device() const { return device_; }
  Backend& backend() const { return *backend_; }
  // Whether a run in bfloat16 would be one.
  bool fast_bfloat16() const;

  // The transformer in this precision, from dit.safetensors or generated. Errors: of the files.
  const EchoDit& dit(RunPrecision precision);
  // Its checkpoint.
  std::shared_ptr<const SafetensorsFile> dit_file();
  // The codec, from dac.safetensors and pca_state.safetensors. Errors: of the files.
  const Codec& codec(RunPrecision precision);

 private:
  const GoldenSet& set_;
  DeviceOptions device_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<GeneratedCheckpoint> generated_;
  std::map<RunPrecision, EchoDit> dits_;
  std::map<RunPrecision, Codec> codecs_;
};

}  // namespace echo::parity
