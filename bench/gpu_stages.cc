// The models by themselves on a GPU, in the device's own time.
#include <algorithm>
#include <cmath>
#include <memory>

#include "bench/gpu_measurement.h"
#include "bench/profiling_backend.h"
#include "checkpoint/limits.h"
#include "checkpoint/model_files.h"
#include "engine/engine.h"
#include "models/codec.h"
#include "models/echo_dit.h"
#include "models/pca_state.h"
#include "models/speaker_latent.h"

namespace echo::bench {
namespace {

constexpr double kMinShare = 0.02;  // of a stage: smaller operations have no line

// Of a name that precision_text() gave; without one, what is asked for, in bfloat16 if nothing is.
Precision precision_named(const std::string& text, Precision wanted) {
  if (text.empty()) return wanted == Precision::kAuto ? Precision::kBFloat16 : wanted;
  return text == "bfloat16" ? Precision::kBFloat16 : *parse_precision(text);
}

class StageBench {
 public:
  StageBench(const GpuBenchOptions& options, const Progress& progress, GpuBenchResult& result)
      : options_(options),
        progress_(progress),
        result_(result),
        device_(make_device(options.device)),
        backend_(*device_, true) {
    backend_.set_counting(false);
  }

  void run() {
    result_.device = backend_.description();
    rates();
    load();
    steps();
    voice_and_speech();
  }

 private:
  void rates() {
    progress_("the device's own rates");
    const int64_t side = options_.rate_side;
    const std::vector<float> values = normal_noise(side * side, 0.02f);
    const auto weights =
        backend_.pack({values.data(), DType::kFloat32, side, side}, 1, 1, DType::kBFloat16);
    const Tensor x = cast(from_host(backend_, values, side, side), DType::kBFloat16);
    constexpr int kMatmuls = 10;
    const double seconds = time("", [&] {
                             for (int i = 0; i < kMatmuls; ++i)
                               linear(x, *weights, {}, DType::kBFloat16);
                           }).fastest;
    result_.matmul_flops = 2.0 * std::pow(static_cast<double>(side), 3) * kMatmuls / seconds;
    const Tensor from = zeros(backend_, side, side, DType::kFloat32);
    const Tensor to = zeros(backend_, side, side, DType::kFloat32);
    const double copying = time("", [&] { copy(from, to); }).fastest;
    result_.copy_bytes = 2.0 * 4.0 * static_cast<double>(from.size()) / copying;
  }

  void load() {
    progress_("loading the models");
    const auto [dit, dac, pca] = open_model(find_model_files(options_.model));
    const LayerContext context =
        layer_context(backend_, precision_named(result_.precision, options_.precision),
                      dit.tensor("in_proj.weight"));
    const LayerContext codec_context =
        layer_context(backend_, precision_named(result_.codec_precision, options_.codec_precision),
                      dac.tensor("quantizer.semantic_quantizer.quantizers.0.codebook.weight"));
    result_.precision = precision_text(context);
    result_.codec_precision = precision_text(codec_context);
    dit_ = std::make_unique<EchoDit>(context, dit, false, options_.wide_blocks);
    codec_ = std::make_unique<Codec>(codec_context, dac, read_pca_state(pca));
  }

  // Runs f several times, the first times to no account: algorithms are chosen, work is recorded.
  template <class F>
  Measurement time(const std::string& name, F f) {
    for (int i = 0; i < options_.warm_ups; ++i) f();
    std::vector<double> seconds;
    for (int i = 0; i < options_.repetitions; ++i) {
      const auto begin = backend_.mark();
      f();
      seconds.push_back(backend_.seconds_between(*begin, *backend_.mark()));
    }
    return measurement_of(name, seconds);
  }

  // Measures a stage; with `profiled`, once more operation by operation. The aim is in ms, 0: none.
  template <class F>
  void stage(const std::string& name, double aim, bool profiled, F f) {
    Measurement measured = time(name, f);
    progress_(told(measured));
    if (aim > 0) result_.aims.push_back({name, "ms", measured.seconds * 1e3, aim});
    backend_.reset();
    backend_.set_counting(true);
    f();
    for (const auto& [operation, count] : backend_.counts()) measured.flops += count.flops;
    if (profiled) add_roofline(name);
    backend_.set_counting(false);
    result_.measurements.push_back(measured);
  }

  void add_roofline(const std::string& name) {
    double total = 0;
    for (const auto& [operation, count] : backend_.counts()) total += count.seconds;
    std::vector<RooflineLine> lines;
    for (const auto& [operation, count] : backend_.counts()) {
      if (count.seconds < kMinShare * total) continue;
      lines.push_back(
          {name, operation, count.calls, count.seconds, count.seconds / total, count.flops,
           count.bytes,
           std::max(count.flops / result_.matmul_flops, count.bytes / result_.copy_bytes)});
    }
    std::sort(lines.begin(), lines.end(),
              [](const auto& a, const auto& b) { return a.seconds > b.seconds; });
    result_.roofline.insert(result_.roofline.end(), lines.begin(), lines.end());
  }

  void steps() {
    const std::vector<int32_t> ids(static_cast<size_t>(options_.text_tokens), 'a');
    DitSession session(*dit_);
    const KeyValueCache text = dit_->encode_text(ids);
    const int64_t frames = static_cast<int64_t>(options_.voice_seconds * kModelRate) /
                           kFrameSamples / dit_->patch() * dit_->patch();
    const Tensor voice = from_host(backend_, normal_noise(frames * dit_->latent_size()), frames,
                                   dit_->latent_size());
    const KeyValueCache speaker = dit_->encode_speaker(voice, frames);
    const float t = 0.75f;
    const Tensor modulation = dit_->modulation(std::span(&t, 1));

    stage("text encoder, " + std::to_string(options_.text_tokens) + " tokens", 0, false,
          [&] { dit_->encode_text(ids); });
    stage("speaker encoder, " + std::to_string(frames) + " frames", 0, false,
          [&] { dit_->encode_speaker(voice, frames); });
    struct Step {
      int64_t sequences;
      double aim;
    };
    for (const Step step : {Step{1, 5}, Step{3, 12}, Step{12, 0}}) {
      const int64_t rows = step.sequences * options_.frames;
      const Tensor x =
          from_host(backend_, normal_noise(rows * dit_->latent_size()), rows, dit_->latent_size());
      // Threes of the guided step: everything, without the text, without the voice.
      std::vector<DitSequence> sequences(static_cast<size_t>(step.sequences),
                                         DitSequence{options_.frames, 0, &text, &speaker});
      for (size_t i = 0; i + 2 < sequences.size(); i += 3) {
        sequences[i + 1].text = nullptr;
        sequences[i + 2].speaker = nullptr;
      }
      stage("step, " + std::to_string(step.sequences) +
                (step.sequences == 1 ? " sequence" : " sequences"),
            step.aim, true, [&] { session.forward(x, modulation, sequences); });
    }
  }

  void voice_and_speech() {
    const std::vector<float> voice = voice_samples(options_);
    stage("encode a voice", 15, true, [&] { speaker_latent(*codec_, voice); });
    for (const int64_t frames : {options_.first_blocks.front(), options_.frames}) {
      const Tensor latent = from_host(backend_, normal_noise(frames * codec_->latent_size()),
                                      frames, codec_->latent_size());
      stage("decode " + std::to_string(frames) + " frames", frames == 640 ? 35 : 0,
            frames == options_.frames, [&] { codec_->decode(latent); });
    }
  }

  const GpuBenchOptions& options_;
  const Progress& progress_;
  GpuBenchResult& result_;
  std::unique_ptr<Backend> device_;
  ProfilingBackend backend_;
  std::unique_ptr<EchoDit> dit_;
  std::unique_ptr<Codec> codec_;
};

}  // namespace

void measure_stages(const GpuBenchOptions& options, const Progress& progress,
                    GpuBenchResult& result) {
  StageBench(options, progress, result).run();
}

}  // namespace echo::bench
