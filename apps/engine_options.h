// The options that every command with an engine has.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "apps/environment.h"
#include "engine/engine.h"

namespace echo::apps {

struct EngineFlags {
  std::string model, precision = "auto", codec_precision = "auto", noise = "cuda";
  std::string voice_store;
  int threads = 0;

  // Declares them; defaults come from the environment.
  void add_to(CLI::App& command, const Environment& environment);
  // Finds the model's files. Errors: as find_model_files(), with a hint where to get a model.
  EngineOptions resolve() const;
};

}  // namespace echo::apps
