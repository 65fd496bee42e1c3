#include <cstdio>
#include <filesystem>

#include "apps/command.h"
#include "base/error.h"
#include "bench/cold_start_bench.h"
#include "bench/pipeline_bench.h"

namespace echo::apps {
namespace {

std::optional<DType> precision(const std::string& name) {
  if (name == "float32") return DType::kFloat32;
  if (name == "bf16") return DType::kBFloat16;
  return {};
}

struct Options {
  std::string model, precision = "auto", codec_precision = "auto";
  bool cold_start = false;
  bench::PipelineBenchOptions bench;
};

int cold_start(const Options& options, const std::function<void(const std::string&)>& progress) {
  bench::ColdStartOptions bench;
  bench.program = std::filesystem::read_symlink("/proc/self/exe");
  bench.arguments = {"--model",           options.model,
                     "--precision",       options.precision,
                     "--codec-precision", options.codec_precision,
                     "--threads",         std::to_string(options.bench.threads)};
  bench.files = find_model_files(options.model);
  bench.repetitions = options.bench.repetitions;
  std::printf("%s", bench::run_cold_start_bench(bench, progress).table().c_str());
  return kSuccess;
}

}  // namespace

void add_bench(CommandLine& line) {
  auto options = std::make_shared<Options>();
  options->model = line.environment().text("ECHO_MODEL_DIR");
  CLI::App& command =
      line.add("bench", "Measure speed and memory on this machine",
               "  echo-tts make-model --size full /tmp/full && echo-tts bench --model /tmp/full\n"
               "  echo-tts bench --cold-start --model /tmp/full\n",
               [options] {
                 if (options->model.empty()) throw_invalid("--model: no directory given");
                 const auto progress = [](const std::string& what) {
                   std::fprintf(stderr, "bench: %s\n", what.c_str());
                 };
                 if (options->cold_start) return cold_start(*options, progress);
                 options->bench.model = options->model;
                 options->bench.precision = precision(options->precision);
                 options->bench.codec_precision = precision(options->codec_precision);
                 const auto result = bench::run_pipeline_bench(options->bench, progress);
                 std::printf("%s", result.table().c_str());
                 return static_cast<int>(kSuccess);
               });
  command.add_option("--model", options->model, "Directory of the checkpoints (or ECHO_MODEL_DIR)");
  command.add_flag("--cold-start", options->cold_start,
                   "Measure a worker's start instead, with its files in the page cache and "
                   "without");
  const auto names = CLI::IsMember({"auto", "float32", "bf16"});
  command.add_option("--precision", options->precision, "Of the transformer's matrices")
      ->check(names)
      ->capture_default_str();
  command.add_option("--codec-precision", options->codec_precision, "Of the autoencoder's")
      ->check(names)
      ->capture_default_str();
  command.add_option("--threads", options->bench.threads, "0: all")->check(CLI::Range(0, 1024));
  command.add_option("--repetitions", options->bench.repetitions, "The fastest counts")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  command.add_option("--frames", options->bench.frames, "Latent frames of a step")
      ->check(CLI::Range(1, 640))
      ->capture_default_str();
}

}  // namespace echo::apps
