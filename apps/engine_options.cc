#include "apps/engine_options.h"

#include "base/error.h"

namespace echo::apps {
namespace {

constexpr int64_t kMaxWideBlocks = 1000;
constexpr int64_t kMostMegabytes = int64_t{1} << 24;

// Of a flag, which was checked, or of a variable.
Precision precision_of(const std::string& name, const char* variable) {
  if (const auto precision = parse_precision(name)) return *precision;
  std::string known;
  for (const std::string& other : precision_names()) known += (known.empty() ? "" : ", ") + other;
  throw_invalid(std::string(variable) + ": found \"" + name.substr(0, 40) + "\", expected one of " +
                known);
}

}  // namespace

void EngineFlags::add_to(CLI::App& command, const Environment& environment) {
  source = model_source_of(environment);
  variables = environment;
  voice_store = environment.text("ECHO_VOICE_CACHE");
  precision = environment.text("ECHO_PRECISION", precision);
  codec_precision = environment.text("ECHO_CODEC_PRECISION", codec_precision);
  const std::string group = "Engine";
  command
      .add_option("-m,--model", source.directory,
                  "Directory of the checkpoints, a packed file, or small, the small voice that "
                  "comes with the program (or ECHO_MODEL_DIR); without it the hub's cache")
      ->group(group);
  device.add_to(command, environment, group);
  command
      .add_option("--precision", precision,
                  "Of the transformer's matrices (or ECHO_PRECISION); auto: as the checkpoint is "
                  "stored, if it fits; fp8 on a GPU only")
      ->check(CLI::IsMember(precision_names()))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--wide-blocks", wide_blocks,
                  "How many of the transformer's last blocks stay bf16 with int8 and fp8")
      ->check(CLI::Range(int64_t{0}, kMaxWideBlocks))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--codec-precision", codec_precision,
                  "Of the autoencoder's (or ECHO_CODEC_PRECISION)")
      ->check(CLI::IsMember({"auto", "float32", "bf16"}))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--noise", noise,
                  "Whose random numbers a seed stands for: PyTorch's on a GPU or on a CPU")
      ->check(CLI::IsMember({"cuda", "cpu"}))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--voice-cache", voice_store,
                  "Directory that keeps encoded voices (or ECHO_VOICE_CACHE)")
      ->group(group);
  const auto add_megabytes = [&](const char* flag, std::optional<int64_t>& value,
                                 const char* help) {
    command.add_option(flag, value, help)
        ->check(CLI::Range(int64_t{0}, kMostMegabytes))
        ->group(group);
  };
  add_megabytes("--memory", memory_mb,
                "The most of the device's memory to plan with, MB (or ECHO_MEMORY_MB); 0: all");
  add_megabytes("--voice-cache-mb", voice_cache_mb,
                "Encoded voices in memory (or ECHO_VOICE_CACHE_MB); without it as memory allows");
  add_megabytes(
      "--schedule-cache-mb", schedule_cache_mb,
      "What depends on a schedule alone (or ECHO_SCHEDULE_CACHE_MB); without it the same");
}

EngineOptions EngineFlags::options() const {
  EngineOptions options;
  options.device = device.options();
  options.precision = precision_of(precision, "ECHO_PRECISION");
  options.codec_precision = precision_of(codec_precision, "ECHO_CODEC_PRECISION");
  options.wide_blocks = wide_blocks;
  options.noise = noise_kind(noise);
  options.voice_store = voice_store;
  const auto bytes = [&](const std::optional<int64_t>& flag,
                         const char* variable) -> std::optional<size_t> {
    if (!flag && !variables.find(variable)) return std::nullopt;
    const int64_t megabytes = flag ? *flag : variables.integer(variable, 0, 0, kMostMegabytes);
    return static_cast<size_t>(megabytes) << 20;
  };
  options.memory_bytes = bytes(memory_mb, "ECHO_MEMORY_MB").value_or(0);
  options.voice_cache_bytes = bytes(voice_cache_mb, "ECHO_VOICE_CACHE_MB");
  options.schedule_cache_bytes = bytes(schedule_cache_mb, "ECHO_SCHEDULE_CACHE_MB");
  return options;
}

}  // namespace echo::apps
