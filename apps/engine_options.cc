#include "apps/engine_options.h"

#include "base/error.h"

namespace echo::apps {
namespace {

Precision precision(const std::string& name) {
  if (name == "float32") return Precision::kFloat32;
  if (name == "bf16") return Precision::kBFloat16;
  return Precision::kAuto;
}

}  // namespace

void EngineFlags::add_to(CLI::App& command, const Environment& environment) {
  model = environment.model_directory;
  voice_store = environment.voice_store;
  const std::string group = "Engine";
  const auto precisions = CLI::IsMember({"auto", "float32", "bf16"});
  command.add_option("-m,--model", model, "Directory of the checkpoints (or ECHO_MODEL_DIR)")
      ->group(group);
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
  command.add_option("--threads", threads, "0: as many as the process may run on")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--voice-cache", voice_store,
                  "Directory that keeps encoded voices (or ECHO_VOICE_CACHE)")
      ->group(group);
}

EngineOptions EngineFlags::resolve() const {
  if (model.empty()) {
    throw_invalid(
        "--model: no directory given, and ECHO_MODEL_DIR is not set; expected the directory of the "
        "published checkpoints (`echo-tts make-model --size tiny DIR` makes one to try with)");
  }
  EngineOptions options;
  options.files = find_model_files(model);
  options.device.threads = threads;
  options.precision = apps::precision(precision);
  options.codec_precision = apps::precision(codec_precision);
  options.noise = noise_kind(noise);
  options.voice_store = voice_store;
  return options;
}

}  // namespace echo::apps
