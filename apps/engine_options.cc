#include "apps/engine_options.h"

#include "apps/option_table.h"
#include "base/error.h"

namespace echo::apps {
namespace {

// Of a flag, which was checked, or of a variable.
Precision precision_of(const std::string& name, const char* variable) {
  if (const auto precision = parse_precision(name)) return *precision;
  std::string known;
  for (const std::string& other : precision_names()) known += (known.empty() ? "" : ", ") + other;
  throw_invalid(std::string(variable) + ": found \"" + name.substr(0, 40) + "\", expected one of " +
                known);
}

}  // namespace

void EngineFlags::add_to(Command& command, const Environment& environment) {
  source = model_source_of(environment);
  variables = environment;
  voice_store = environment.text("ECHO_VOICE_CACHE");
  precision = environment.text("ECHO_PRECISION", precision);
  codec_precision = environment.text("ECHO_CODEC_PRECISION", codec_precision);
  const std::string group = "Engine";
  add_option(command, "-m,--model", source.directory, group);
  device.add_to(command, environment, group);
  add_option(command, "--precision", precision, group).one_of(precision_names()).show_default();
  add_option(command, "--unquantized-blocks,--wide-blocks", wide_blocks, group).show_default();
  add_option(command, "--codec-precision", codec_precision, group)
      .one_of({"auto", "float32", "bf16"})
      .show_default();
  add_option(command, "--noise", noise, group).one_of({"cuda", "cpu"}).show_default();
  add_option(command, "--voice-cache", voice_store, group);
  add_option(command, "--memory", memory_mb, group);
  add_option(command, "--voice-cache-mb", voice_cache_mb, group);
  add_option(command, "--schedule-cache-mb", schedule_cache_mb, group);
}

EngineOptions EngineFlags::options() const {
  EngineOptions options;
  options.device = device.options();
  options.precision = precision_of(precision, "ECHO_PRECISION");
  options.codec_precision = precision_of(codec_precision, "ECHO_CODEC_PRECISION");
  options.wide_blocks = wide_blocks;
  options.noise = noise_kind(noise);
  options.voice_store = voice_store;
  const auto bytes = [&](const char* flag,
                         const std::optional<int64_t>& given) -> std::optional<size_t> {
    if (!given && !variables.find(std::string(option_row(flag).variable))) return std::nullopt;
    return static_cast<size_t>(option_number(flag, given, variables, 0)) << 20;
  };
  options.memory_bytes = bytes("--memory", memory_mb).value_or(0);
  options.voice_cache_bytes = bytes("--voice-cache-mb", voice_cache_mb);
  options.schedule_cache_bytes = bytes("--schedule-cache-mb", schedule_cache_mb);
  return options;
}

}  // namespace echo::apps
