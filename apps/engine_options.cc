#include "apps/engine_options.h"

namespace echo::apps {
namespace {

Precision precision(const std::string& name) {
  if (name == "float32") return Precision::kFloat32;
  if (name == "bf16") return Precision::kBFloat16;
  return Precision::kAuto;
}

}  // namespace

void EngineFlags::add_to(CLI::App& command, const Environment& environment) {
  source = model_source_of(environment);
  voice_store = environment.text("ECHO_VOICE_CACHE");
  const std::string group = "Engine";
  const auto precisions = CLI::IsMember({"auto", "float32", "bf16"});
  command
      .add_option("-m,--model", source.directory,
                  "Directory of the checkpoints (or ECHO_MODEL_DIR); without it the hub's cache")
      ->group(group);
  device.add_to(command, environment, group);
  command
      .add_option("--precision", precision,
                  "Of the transformer's matrices; auto: as the checkpoint is stored")
      ->check(precisions)
      ->capture_default_str()
      ->group(group);
  command.add_option("--codec-precision", codec_precision, "Of the autoencoder's")
      ->check(precisions)
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
  options.precision = apps::precision(precision);
  options.codec_precision = apps::precision(codec_precision);
  options.noise = noise_kind(noise);
  options.voice_store = voice_store;
  return options;
}

}  // namespace echo::apps
