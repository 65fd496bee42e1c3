// The options that every command with an engine has.
#pragma once

#include <optional>
#include <string>

#include "apps/command.h"
#include "apps/device_options.h"
#include "apps/model_source.h"
#include "engine/engine.h"

namespace echo::apps {

struct EngineFlags {
  ModelSource source;
  DeviceFlags device;
  std::string precision = "auto", codec_precision = "auto", noise = "cuda";
  std::string voice_store;
  Environment variables;
  std::optional<int64_t> memory_mb, voice_cache_mb, schedule_cache_mb;
  int64_t wide_blocks = EngineOptions{}.wide_blocks;

  // Declares them; what is not given comes from ECHO_MODEL_DIR, ECHO_PRECISION,
  // ECHO_CODEC_PRECISION, ECHO_VOICE_CACHE, ECHO_MEMORY_MB, ECHO_VOICE_CACHE_MB,
  // ECHO_SCHEDULE_CACHE_MB, and those of DeviceFlags.
  void add_to(Command& command, const Environment& environment);
  // Everything but the model's files. Errors: kInvalidArgument for a variable.
  EngineOptions options() const;
};

}  // namespace echo::apps
