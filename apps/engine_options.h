// The options that every command with an engine has.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "apps/device_options.h"
#include "apps/model_source.h"
#include "engine/engine.h"

namespace echo::apps {

struct EngineFlags {
  ModelSource source;
  DeviceFlags device;
  std::string precision = "auto", codec_precision = "auto", noise = "cuda";
  std::string voice_store;
  int64_t wide_blocks = EngineOptions{}.wide_blocks;

  // Declares them; defaults come from the environment.
  void add_to(CLI::App& command, const Environment& environment);
  // Everything but the model's files.
  EngineOptions options() const;
};

}  // namespace echo::apps
