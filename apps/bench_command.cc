#include <cstdio>
#include <filesystem>

#include "apps/command.h"
#include "apps/device_options.h"
#include "apps/model_source.h"
#include "apps/small_model.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "base/file_io.h"
#include "bench/cold_start_bench.h"
#include "bench/gpu_bench.h"
#include "bench/pipeline_bench.h"
#include "bench/report.h"
#include "bench/speech_bench.h"

namespace echo::apps {
namespace {

using Progress = std::function<void(const std::string&)>;

struct BenchOptions {
  std::string model, precision = "auto", codec_precision = "auto";
  DeviceFlags device;
  int64_t wide_blocks = bench::GpuBenchOptions().wide_blocks;
  bool cold_start = false;
  int repetitions = 3;
  int64_t frames = bench::PipelineBenchOptions().frames;
  std::string part = "all", json, html, solver = "euler";
  std::vector<std::string> compare;
  int64_t steps = 40, cfg_interval = 1;
  bool processor_time = false;
};

// A GPU's result among the others'.
bench::Report report_of(const bench::GpuBenchResult& result) {
  bench::Report report;
  report.machine = result.device;
  report.settings = result.precision + ", codec " + result.codec_precision;
  report.peak_flops = result.matmul_flops;
  report.peak_bytes = result.copy_bytes;
  for (const bench::Measurement& m : result.measurements) {
    const bool asked = m.name.starts_with("one request") || m.name.starts_with("first audio");
    (asked ? report.asked : report.stages)
        .push_back({m.name, "s", m.seconds, false, m.flops / m.seconds});
  }
  report.asked.push_back({"start, files to ready", "s", result.load_seconds});
  report.asked.push_back({"memory, at most", "GB", result.most_bytes / 1e9});
  for (const bench::RooflineLine& r : result.roofline) {
    report.points.push_back({r.stage + ": " + r.operation, r.flops, r.bytes, r.seconds});
  }
  return report;
}

void write(const std::string& path, const std::string& text) {
  AtomicFile file;
  int error = file.create(path);
  if (error == 0) error = file.write(text);
  if (error == 0) error = file.commit(Durability::kNone);
  if (error != 0) throw_unavailable(path + ": " + system_reason(error));
}

bench::Report read_report(const std::string& path) {
  return bench::parse_report(read_file(path), path);
}

// What was asked for beside the tables.
void hand_out(const BenchOptions& options, const bench::Report& report) {
  if (!options.json.empty()) write(options.json, report.json().dump(2) + "\n");
  if (!options.html.empty()) write(options.html, report.html());
  if (!options.compare.empty()) {
    std::printf("\n%s", bench::comparison(read_report(options.compare[0]), report).c_str());
  }
}

int cold_start(const BenchOptions& options, const Progress& progress) {
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

int gpu(const BenchOptions& options, const DeviceOptions& device, const Progress& progress) {
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
  hand_out(options, report_of(result));
  return result.problems.empty() ? kSuccess : kFailure;
}

int cpu(const BenchOptions& options, const DeviceOptions& device, const Progress& progress) {
  if (options.precision == "fp8") {
    throw_invalid("--precision: found fp8, expected auto, float32, bf16 or int8 on the CPU");
  }
  bench::Report report;
  if (options.part != "stages") {
    bench::SpeechBenchOptions speech;
    speech.engine.files = find_model_files(options.model);
    speech.engine.device = device;
    speech.engine.device.name = "cpu";
    speech.engine.precision = *parse_precision(options.precision);
    speech.engine.codec_precision = *parse_precision(options.codec_precision);
    speech.engine.wide_blocks = options.wide_blocks;
    set_parameter(speech.parameters, "solver", options.solver);
    speech.parameters.num_steps = options.steps;
    speech.parameters.cfg_interval = options.cfg_interval;
    bench::measure_speech(speech, progress, report);
    report.machine = make_device(speech.engine.device)->description();
    std::printf("%s", report.text().c_str());
  }
  if (options.part != "speech") {
    bench::PipelineBenchOptions bench;
    bench.model = options.model;
    bench.precision = *parse_precision(options.precision);
    bench.codec_precision = *parse_precision(options.codec_precision);
    bench.wide_blocks = options.wide_blocks;
    bench.threads = options.device.threads;
    bench.repetitions = options.repetitions;
    bench.processor_time = options.processor_time;
    bench.frames = options.frames;
    const bench::PipelineBenchResult result = bench::run_pipeline_bench(bench, progress);
    std::printf("%s", result.table().c_str());
    result.add_to(report);
  }
  hand_out(options, report);
  return kSuccess;
}

int run(BenchOptions& options) {
  if (options.compare.size() == 2) {
    std::printf("%s",
                bench::comparison(read_report(options.compare[0]), read_report(options.compare[1]))
                    .c_str());
    return kSuccess;
  }
  // Before minutes of measuring.
  if (!options.compare.empty()) read_report(options.compare[0]);
  if (options.model.empty())
    throw_invalid("--model: found nothing, expected a directory of checkpoints, or small");
  options.model = model_path(options.model);
  const Progress progress = [](const std::string& what) {
    std::fprintf(stderr, "bench: %s\n", what.c_str());
  };
  if (options.cold_start) return cold_start(options, progress);
  DeviceOptions device = options.device.options();
  if (device.name == "cpu") return cpu(options, device, progress);
  {
    const std::unique_ptr<Backend> found = make_device(device);
    if (found->name() == "cpu") return cpu(options, device, progress);
    progress("on " + found->description());
  }
  if (device.name == "auto") device.name = "cuda";
  return gpu(options, device, progress);
}

}  // namespace

void add_bench(CommandLine& line) {
  auto options = std::make_shared<BenchOptions>();
  options->model = line.environment().text("ECHO_MODEL_DIR");
  Command command =
      line.add("bench", "Measure speed and memory on this machine",
               "  echo-tts make-model --size full /tmp/full && echo-tts bench --model /tmp/full\n"
               "  echo-tts bench --model /tmp/full --json now.json --html now.html --compare "
               "before.json\n"
               "  echo-tts bench --device cuda --precision fp8 --model /tmp/full\n"
               "  echo-tts bench --cold-start --model /tmp/full\n",
               [options] { return run(*options); });
  command.option("--model", options->model,
                 "Measure the checkpoints in this directory, or small (or ECHO_MODEL_DIR)");
  command.flag("--cold-start", options->cold_start,
               "Measure a worker's start instead, with its files in the page cache and "
               "without");
  command
      .option("--precision", options->precision, "Multiply the transformer's matrices in this type; fp8 on a GPU only")
      .one_of(precision_names())
      .show_default();
  command
      .option("--wide-blocks", options->wide_blocks,
              "Keep so many of the transformer's last blocks in bf16 with int8 and fp8")
      .between(0, 1000)
      .show_default();
  command.option("--codec-precision", options->codec_precision, "Multiply the codec's matrices in this type")
      .one_of({"auto", "float32", "bf16"})
      .show_default();
  command
      .option("--repetitions", options->repetitions,
              "Measure so often: on the CPU the fastest counts, on a GPU the median")
      .between(1, 100)
      .show_default();
  command.option("--frames", options->frames, "Measure a step of so many latent frames")
      .between(1, 640)
      .show_default();
  command
      .option("--part", options->part,
              "Measure on the CPU: whole requests, as a user asks them (speech), the stages that they "
              "consist of, or all")
      .one_of({"all", "speech", "stages"})
      .show_default();
  command.option("--steps", options->steps, "Sample the whole requests with so many steps")
      .between(1, 1000)
      .show_default();
  command.option("--solver", options->solver, "Sample the whole requests with this solver")
      .one_of({"euler", "ab2", "heun"})
      .show_default();
  command.option("--cfg-interval", options->cfg_interval,
                 "Compute the guidance of the whole requests every so many steps")
      .between(1, 1000)
      .show_default();
  command.flag("--processor-time", options->processor_time,
               "Measure the stages in processor time: for a machine with other work, and one "
               "thread");
  command.option("--json", options->json, "Write what was measured into this file, for --compare");
  command.option("--html", options->html, "Write a page with bars and the roofline into this file");
  command
      .option("--compare", options->compare,
              "Show a file of --json beside this run, with ratios; or two files beside each other, "
              "without measuring anything")
      .up_to(2);
  options->device.add_to(command, line.environment());
}

}  // namespace echo::apps
