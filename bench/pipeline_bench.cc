#include "bench/pipeline_bench.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <map>
#include <optional>
#include <random>

#include "base/error.h"
#include "base/processors.h"
#include "bench/bare_matmuls.h"
#include "bench/profiling_backend.h"
#include "checkpoint/echo_dit_layout.h"
#include "checkpoint/limits.h"
#include "checkpoint/model_files.h"
#include "cpu/cpu_backend.h"
#include "cpu/onednn.h"
#include "models/codec.h"
#include "models/echo_dit.h"
#include "models/pca_state.h"
#include "models/speaker_latent.h"

namespace echo::bench {
namespace {

double processor_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

double clock_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Memory that no cache holds, copied: bytes read and written in a second.
double copy_rate(double (*now)()) {
  constexpr size_t kBytes = size_t{256} << 20;
  const std::vector<char> from(kBytes, 1);
  std::vector<char> to(kBytes);
  double best = 1e30;
  for (int i = 0; i < 3; ++i) {
    const double begin = now();
    std::memcpy(to.data(), from.data(), kBytes);
    best = std::min(best, now() - begin);
  }
  return 2.0 * static_cast<double>(kBytes) / best;
}

// A field of /proc/self/status, in GB.
double process_memory_gb(const std::string& field) {
  std::ifstream status("/proc/self/status");
  std::string name;
  while (status >> name) {
    double kb = 0;
    if (name == field + ":" && status >> kb) return kb / 1e6;
    status.ignore(1 << 16, '\n');
  }
  return 0;
}

std::string machine_text(int threads) {
  std::ifstream info("/proc/cpuinfo");
  std::string line, model = "unknown processor";
  while (std::getline(info, line)) {
    if (line.rfind("model name", 0) == 0) {
      model = line.substr(line.find(':') + 2);
      break;
    }
  }
  const ProcessorAllowance allowance = processor_allowance();
  return model + ", " + allowance.text() + ", " +
         std::to_string(threads > 0 ? threads : allowance.threads()) + " threads, kernels " +
         std::string(cpu::supported_kernels().front()->name) + ", " + cpu::onednn_description();
}

std::vector<float> normal_noise(int64_t n) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(n));
  for (float& value : values) value = normal(random);
  return values;
}

class Bench {
 public:
  Bench(const PipelineBenchOptions& options,
        const std::function<void(const std::string&)>& progress)
      : options_(options),
        progress_(progress),
        cpu_(cpu::make_cpu_backend({options.threads})),
        backend_(*cpu_, false, now()) {}

  PipelineBenchResult run() {
    result_.machine = machine_text(options_.threads);
    result_.copy_bytes = copy_rate(now());
    load();
    dit();
    codec();
    result_.peak_memory_gb = process_memory_gb("VmHWM");
    return result_;
  }

 private:
  double (*now() const)() { return options_.processor_time ? processor_seconds : clock_seconds; }

  template <class F>
  double seconds_of(F f) const {
    const double begin = now()();
    f();
    return now()() - begin;
  }

  void load() {
    progress_("loading the model");
    result_.load_seconds = seconds_of([&] {
      const auto [dit, dac, pca] = open_model(find_model_files(options_.model));
      config_ = infer_echo_dit_config(dit);
      // As a plan does; an engine refuses what a processor does not have, and so does this.
      context_ = std::make_unique<LayerContext>(
          layer_context(backend_, options_.precision, dit.tensor("in_proj.weight")));
      dit_ = std::make_unique<EchoDit>(*context_, dit, false, options_.wide_blocks);
      const Precision codec = options_.codec_precision == Precision::kAuto
                                  ? Precision::kFloat32
                                  : options_.codec_precision;
      codec_ = std::make_unique<Codec>(layer_context(backend_, codec, dit.tensor("in_proj.weight")),
                                       dac, read_pca_state(pca));
    });
    result_.weights_gb = process_memory_gb("VmRSS");
  }

  // The fastest of the repetitions, whose profile stays in counts_.
  template <class F>
  double fastest(const std::string& what, F f) {
    progress_(what);
    f();  // packs, pools and builds what the first call needs
    double best = 1e30;
    for (int i = 0; i < options_.repetitions; ++i) {
      backend_.reset();
      const double seconds = seconds_of(f);
      if (seconds >= best) continue;
      best = seconds;
      counts_ = backend_.counts();
    }
    return best;
  }

  BenchRow row(const std::string& stage, double seconds) const {
    BenchRow result{stage, seconds};
    double flops = 0, product_seconds = 0, total = 0;
    for (const auto& [name, count] : counts_) {
      total += count.seconds;
      flops += count.flops;
      if (name == "linear" || name == "conv1d") product_seconds += count.seconds;
    }
    result.gflops = flops / seconds / 1e9;
    result.matmul_share = total > 0 ? product_seconds / total : 0;
    return result;
  }

  void add_profile(const std::string& stage) {
    double total = 0;
    for (const auto& [name, count] : counts_) {
      total += count.seconds;
      result_.points.push_back({stage + ": " + name, count.flops, count.bytes, count.seconds});
    }
    result_.profile += stage + ":\n";
    std::vector<std::pair<double, std::string>> lines;
    for (const auto& [name, count] : counts_) {
      char line[160];
      std::snprintf(line, sizeof line, "  %-18s %6lld calls %9.1f ms %5.1f %%", name.c_str(),
                    static_cast<long long>(count.calls), count.seconds * 1e3,
                    100 * count.seconds / total);
      std::string text = line;
      if (count.flops > 0) {
        std::snprintf(line, sizeof line, " %7.0f GFLOP/s", count.flops / count.seconds / 1e9);
        text += line;
      }
      lines.emplace_back(-count.seconds, text + "\n");
    }
    std::sort(lines.begin(), lines.end());
    for (const auto& [order, text] : lines) result_.profile += text;
  }

  void dit() {
    // With int8 the last blocks are multiplied as wide as the activations are.
    const int64_t wide =
        context_->quantized ? std::min(options_.wide_blocks, config_.num_layers) : 0;
    const BareMatmuls bare(backend_, context_->precision, context_->stored(), config_.model_size,
                           config_.intermediate_size);
    std::optional<BareMatmuls> wide_bare;
    if (wide > 0) {
      wide_bare.emplace(backend_, context_->precision, context_->precision, config_.model_size,
                        config_.intermediate_size);
    }
    const float t = 0.75f;
    std::vector<int32_t> ids(static_cast<size_t>(options_.text_tokens), 'a');
    DitSession session(*dit_);
    const KeyValueCache text = dit_->encode_text(ids);
    const int64_t voice_frames =
        static_cast<int64_t>(options_.voice_seconds * kSampleRate / kFrameSamples) / dit_->patch() *
        dit_->patch();
    const Tensor voice = from_host(backend_, normal_noise(voice_frames * dit_->latent_size()),
                                   voice_frames, dit_->latent_size());
    const KeyValueCache speaker = dit_->encode_speaker(voice, voice_frames);
    const Tensor modulation = dit_->modulation(std::span(&t, 1));

    const double encode = fastest("text encoder", [&] { dit_->encode_text(ids); });
    result_.rows.push_back(
        row("text encoder, " + std::to_string(options_.text_tokens) + " tokens", encode));
    for (const int64_t sequences : {int64_t{1}, int64_t{3}}) {
      const int64_t rows = sequences * options_.frames;
      const Tensor x =
          from_host(backend_, normal_noise(rows * dit_->latent_size()), rows, dit_->latent_size());
      std::vector<DitSequence> sequence_list(static_cast<size_t>(sequences),
                                             DitSequence{options_.frames, 0, &text, &speaker});
      if (sequences == 3) {
        sequence_list[1].text = nullptr;
        sequence_list[2].speaker = nullptr;
      }
      const double bare_seconds =
          fastest("bare matmuls, " + std::to_string(sequences) + " sequences", [&] {
            bare.run(backend_, rows, config_.num_layers - wide);
            if (wide_bare) wide_bare->run(backend_, rows, wide);
          });
      const double step = fastest("step, " + std::to_string(sequences) + " sequences",
                                  [&] { session.forward(x, modulation, sequence_list); });
      result_.rows.push_back(row("step, " + std::to_string(sequences) +
                                     (sequences == 1 ? " sequence, " : " sequences, ") +
                                     std::to_string(options_.frames) + " frames",
                                 step));
      result_.rows.back().to_bare = step / bare_seconds;
      result_.matmul_gflops = bare.flops(rows, config_.num_layers) / bare_seconds / 1e9;
      add_profile(result_.rows.back().stage);
    }
  }

  void codec() {
    std::vector<float> audio =
        normal_noise(static_cast<int64_t>(options_.voice_seconds * kSampleRate));
    for (float& sample : audio) sample = std::clamp(sample * 0.1f, -1.0f, 1.0f);
    char seconds_text[32];
    std::snprintf(seconds_text, sizeof seconds_text, "%g s", options_.voice_seconds);
    Tensor latent;
    const double encode =
        fastest("voice to latents", [&] { latent = speaker_latent(*codec_, audio); });
    result_.rows.push_back(row(std::string("encode ") + seconds_text + " of audio", encode));
    add_profile(result_.rows.back().stage);
    const double speaker =
        fastest("speaker encoder", [&] { dit_->encode_speaker(latent, latent.rows()); });
    result_.rows.push_back(row(std::string("speaker encoder, ") + seconds_text, speaker));
    for (const int64_t frames : {int64_t{64}, options_.frames}) {
      const Tensor x = from_host(backend_, normal_noise(frames * codec_->latent_size()), frames,
                                 codec_->latent_size());
      const double decode =
          fastest("decode " + std::to_string(frames) + " frames", [&] { codec_->decode(x); });
      result_.rows.push_back(row("decode " + std::to_string(frames) + " frames", decode));
    }
    add_profile(result_.rows.back().stage);
  }

  const PipelineBenchOptions& options_;
  const std::function<void(const std::string&)>& progress_;
  std::unique_ptr<Backend> cpu_;
  ProfilingBackend backend_;
  std::map<std::string, OperationCount> counts_;
  EchoDitConfig config_;
  std::unique_ptr<LayerContext> context_;
  std::unique_ptr<EchoDit> dit_;
  std::unique_ptr<Codec> codec_;
  PipelineBenchResult result_;
};

}  // namespace

std::string PipelineBenchResult::table() const {
  char line[200];
  std::string text = machine + "\n";
  std::snprintf(line, sizeof line,
                "load %.2f s, resident after loading %.2f GB, peak %.2f GB, raw rate of the step's "
                "matmuls %.0f GFLOP/s, memory copied at %.1f GB/s\n\n",
                load_seconds, weights_gb, peak_memory_gb, matmul_gflops, copy_bytes / 1e9);
  text += line;
  std::snprintf(line, sizeof line, "%-32s %10s %9s %12s %10s %12s\n", "stage", "time", "GFLOP/s",
                "of raw rate", "in prod.", "to bare");
  text += line;
  for (const BenchRow& entry : rows) {
    std::snprintf(line, sizeof line, "%-32s %8.3f s %9.0f %10.0f %% %8.0f %%", entry.stage.c_str(),
                  entry.seconds, entry.gflops, 100 * entry.gflops / matmul_gflops,
                  100 * entry.matmul_share);
    text += line;
    if (entry.to_bare > 0) {
      std::snprintf(line, sizeof line, " %10.2f x", entry.to_bare);
      text += line;
    }
    text += "\n";
  }
  return text + "\n" + profile;
}

void PipelineBenchResult::add_to(Report& report) const {
  report.machine = machine;
  report.peak_flops = matmul_gflops * 1e9;
  report.peak_bytes = copy_bytes;
  report.points = points;
  for (const BenchRow& row : rows) {
    report.stages.push_back({row.stage, "s", row.seconds, false, row.gflops * 1e9});
  }
}

PipelineBenchResult run_pipeline_bench(const PipelineBenchOptions& options,
                                       const std::function<void(const std::string&)>& progress) {
  return Bench(options, progress).run();
}

}  // namespace echo::bench
