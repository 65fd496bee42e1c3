#include "apps/engine_options.h"

#include "base/error.h"

namespace echo::apps {
namespace {

constexpr int64_t kMaxWideBlocks = 1000;

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
  voice_store = environment.text("ECHO_VOICE_CACHE");
  precision = environment.text("ECHO_PRECISION", precision);
  codec_precision = environment.text("ECHO_CODEC_PRECISION", codec_precision);
  const std::string group = "Engine";
  command
      .add_option("-m,--model", source.directory,
                  "Directory of the checkpoints (or ECHO_MODEL_DIR); without it the hub's cache")
      ->group(group);
  device.add_to(command, environment, group);
  command
      .add_option("--precision", precision,
                  "Of the transformer's matrices; auto: as the checkpoint is stored; int8 and fp8 "
                  "on a GPU only (or ECHO_PRECISION)")
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
}

EngineOptions EngineFlags::options() const {
  EngineOptions options;
  options.device = device.options();
  options.precision = precision_of(precision, "ECHO_PRECISION");
  options.codec_precision = precision_of(codec_precision, "ECHO_CODEC_PRECISION");
  options.wide_blocks = wide_blocks;
  options.noise = noise_kind(noise);
  options.voice_store = voice_store;
  return options;
}

}  // namespace echo::apps
