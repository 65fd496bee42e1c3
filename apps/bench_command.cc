#include <cstdio>
#include <filesystem>

#include "apps/command.h"
#include "apps/device_options.h"
#include "apps/small_model.h"
#include "base/error.h"
#include "bench/cold_start_bench.h"
#include "bench/gpu_bench.h"
#include "bench/pipeline_bench.h"

namespace echo::apps {
namespace {

using Progress = std::function<void(const std::string&)>;

struct Options {
  std::string model, precision = "auto", codec_precision = "auto";
  DeviceFlags device;
  int64_t wide_blocks = bench::GpuBenchOptions().wide_blocks;
  bool cold_start = false;
  int repetitions = 3;
  int64_t frames = bench::PipelineBenchOptions().frames;
};

int cold_start(const Options& options, const Progress& progress) {
  bench::ColdStartOptions bench;
  bench.program = std::filesystem::read_symlink("/proc/self/exe");
  bench.arguments = {"--model",           options.model,
                     "--precision",       options.precision,
                     "--codec-precision", options.codec_precision,
                     "--wide-blocks",     std::to_string(options.wide_blocks)};
  const std::vector<std::string> device = options.device.arguments();
  bench.arguments.insert(bench.arguments.end(), device.begin(), device.end());
  bench.files = find_model_files(options.model);
  bench.repetitions = options.repetitions;
  std::printf("%s", bench::run_cold_start_bench(bench, progress).table().c_str());
  return kSuccess;
}

int gpu(const Options& options, const DeviceOptions& device, const Progress& progress) {
  bench::GpuBenchOptions bench;
  bench.model = options.model;
  bench.device = device;
  bench.precision = *parse_precision(options.precision);
  bench.codec_precision = *parse_precision(options.codec_precision);
  bench.wide_blocks = options.wide_blocks;
  bench.repetitions = options.repetitions;
  bench.frames = options.frames;
  const bench::GpuBenchResult result = bench::run_gpu_bench(bench, progress);
  std::printf("%s", result.table().c_str());
  return result.problems.empty() ? kSuccess : kFailure;
}

std::optional<DType> cpu_precision(const std::string& name) {
  switch (*parse_precision(name)) {
    case Precision::kAuto:
      return {};
    case Precision::kFloat32:
      return DType::kFloat32;
    case Precision::kBFloat16:
      return DType::kBFloat16;
    case Precision::kInt8:
    case Precision::kFloat8:
      break;
  }
  throw_invalid("--precision: found " + name + ", expected auto, float32 or bf16 on the CPU");
}

int cpu(const Options& options, const Progress& progress) {
  bench::PipelineBenchOptions bench;
  bench.model = options.model;
  bench.precision = cpu_precision(options.precision);
  bench.codec_precision = cpu_precision(options.codec_precision);
  bench.threads = options.device.threads;
  bench.repetitions = options.repetitions;
  bench.frames = options.frames;
  std::printf("%s", bench::run_pipeline_bench(bench, progress).table().c_str());
  return kSuccess;
}

int run(Options& options) {
  if (options.model.empty()) throw_invalid("--model: no directory given");
  options.model = model_path(options.model);
  const Progress progress = [](const std::string& what) {
    std::fprintf(stderr, "bench: %s\n", what.c_str());
  };
  if (options.cold_start) return cold_start(options, progress);
  DeviceOptions device = options.device.options();
  if (device.name == "cpu") return cpu(options, progress);
  {
    const std::unique_ptr<Backend> found = make_device(device);
    if (found->name() == "cpu") return cpu(options, progress);
    progress("on " + found->description());
  }
  if (device.name == "auto") device.name = "cuda";
  return gpu(options, device, progress);
}

}  // namespace

void add_bench(CommandLine& line) {
  auto options = std::make_shared<Options>();
  options->model = line.environment().text("ECHO_MODEL_DIR");
  CLI::App& command =
      line.add("bench", "Measure speed and memory on this machine",
               "  echo-tts make-model --size full /tmp/full && echo-tts bench --model /tmp/full\n"
               "  echo-tts bench --device cuda --precision fp8 --model /tmp/full\n"
               "  echo-tts bench --cold-start --model /tmp/full\n",
               [options] { return run(*options); });
  command.add_option("--model", options->model,
                     "Directory of the checkpoints, or small (or ECHO_MODEL_DIR)");
  command.add_flag("--cold-start", options->cold_start,
                   "Measure a worker's start instead, with its files in the page cache and "
                   "without");
  command
      .add_option("--precision", options->precision,
                  "Of the transformer's matrices; fp8 on a GPU only")
      ->check(CLI::IsMember(precision_names()))
      ->capture_default_str();
  command
      .add_option("--wide-blocks", options->wide_blocks,
                  "How many of the transformer's last blocks stay bf16 with int8 and fp8")
      ->check(CLI::Range(int64_t{0}, int64_t{1000}))
      ->capture_default_str();
  command.add_option("--codec-precision", options->codec_precision, "Of the autoencoder's")
      ->check(CLI::IsMember({"auto", "float32", "bf16"}))
      ->capture_default_str();
  command
      .add_option("--repetitions", options->repetitions,
                  "On the CPU the fastest counts, on a GPU the median")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  command.add_option("--frames", options->frames, "Latent frames of a step")
      ->check(CLI::Range(1, 640))
      ->capture_default_str();
  options->device.add_to(command, line.environment());
}

}  // namespace echo::apps
