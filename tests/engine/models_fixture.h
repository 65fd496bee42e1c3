// The tiny model's parts on a device, as a request's parts are given them.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "engine/engine_fixture.h"
#include "engine/prepared_speech.h"
#include "models/pca_state.h"

namespace echo {

template <class Device = Backend>
class ModelsFixture : public ::testing::Test {
 protected:
  explicit ModelsFixture(std::unique_ptr<Device> device) : backend_(std::move(device)) {}

  const std::unique_ptr<Device> backend_;
  const ModelFiles files_ = tiny_files();
  const LayerContext context_{*backend_, DType::kFloat32};
  const EchoDit dit_{context_, Weights::open(files_.dit), true};
  DitSession session_{dit_};
  ModulationCache modulations_{dit_, false};
  const Codec codec_{context_, Weights::open(files_.codec),
                     read_pca_state(Weights::open(files_.pca))};
  VoiceCache voices_{1 << 20};
  const VoiceStore store_{"", "", 80, 0};
  const SpeechModels models_{*backend_,       session_, codec_, voices_, store_,
                             NoiseKind::kCpu, {},       0,      nullptr};
};

}  // namespace echo
