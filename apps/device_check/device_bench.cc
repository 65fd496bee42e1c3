#include "apps/device_check/device_bench.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <random>

#include "bench/profiling_backend.h"
#include "engine/device.h"
#include "engine/engine.h"
#include "models/codec.h"
#include "models/echo_dit.h"
#include "models/pca_state.h"
#include "models/speaker_latent.h"

namespace echo::device_check {
namespace {

constexpr int64_t kFrameSamples = 2048;
constexpr double kLeastShare = 0.02;  // of a stage: smaller operations have no line

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::vector<float> normal_noise(int64_t n, float scale = 1) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> values(static_cast<size_t>(n));
  for (float& value : values) value = std::clamp(normal(random), -4.0f, 4.0f);
  return values;
}

DeviceOptions device_options(const BenchOptions& options) {
  DeviceOptions device;
  device.name = "cuda";
  device.algorithm_folder = options.algorithm_folder;
  return device;
}

std::vector<float> voice_samples(const BenchOptions& options) {
  return normal_noise(static_cast<int64_t>(options.voice_seconds * kModelRate), 0.1f);
}

// ---- The models by themselves. ----

class ModelBench {
 public:
  using Progress = std::function<void(const std::string&)>;

  ModelBench(const BenchOptions& options, const Progress& progress, BenchResult& result)
      : options_(options),
        progress_(progress),
        result_(result),
        device_(make_device(device_options(options))),
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
    constexpr int64_t kSide = 8192;
    const std::vector<float> values = normal_noise(kSide * kSide, 0.02f);
    const auto weights =
        backend_.pack({values.data(), DType::kFloat32, kSide, kSide}, 1, 1, DType::kBFloat16);
    const Tensor x = cast(from_host(backend_, values, kSide, kSide), DType::kBFloat16);
    constexpr int kProducts = 10;
    const double product = time([&] {
                             for (int i = 0; i < kProducts; ++i)
                               linear(x, *weights, {}, DType::kBFloat16);
                           }).fastest;
    result_.matmul_flops = 2.0 * std::pow(double{kSide}, 3) * kProducts / product;
    const Tensor from = zeros(backend_, kSide, kSide, DType::kFloat32);
    const Tensor to = zeros(backend_, kSide, kSide, DType::kFloat32);
    const double copying = time([&] { copy(from, to); }).fastest;
    result_.copy_bytes = 2.0 * 4.0 * static_cast<double>(from.size()) / copying;
  }

  void load() {
    progress_("loading the models");
    const ModelFiles files = find_model_files(options_.model);
    const Weights dit = Weights::open(files.dit), dac = Weights::open(files.codec);
    const LayerContext context =
        layer_context(backend_, options_.precision, dit.tensor("in_proj.weight"));
    const LayerContext codec_context =
        layer_context(backend_, options_.codec_precision,
                      dac.tensor("quantizer.semantic_quantizer.quantizers.0.codebook.weight"));
    result_.precision = precision_text(context) + ", codec " + precision_text(codec_context);
    dit_ = std::make_unique<EchoDit>(context, dit, false, options_.wide_blocks);
    codec_ = std::make_unique<Codec>(codec_context, dac, read_pca_state(Weights::open(files.pca)));
  }

  // Runs f several times, the first times to no account: algorithms are chosen, work is recorded.
  template <class F>
  Measurement time(F f) {
    constexpr int kFirst = 3;
    for (int i = 0; i < kFirst; ++i) f();
    std::vector<double> seconds;
    for (int i = 0; i < options_.repetitions; ++i) {
      const auto begin = backend_.mark();
      f();
      seconds.push_back(backend_.seconds_between(*begin, *backend_.mark()));
    }
    Measurement result;
    result.seconds = median(seconds);
    result.fastest = *std::min_element(seconds.begin(), seconds.end());
    return result;
  }

  // Measures a stage; with `profiled`, once more operation by operation.
  template <class F>
  void stage(const std::string& name, double aim, bool profiled, F f) {
    progress_(name);
    Measurement measured = time(f);
    measured.name = name;
    measured.aim = aim;
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
      if (count.seconds < kLeastShare * total) continue;
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
      int64_t lanes;
      double aim;
    };
    for (const Step step : {Step{1, 0.005}, Step{3, 0.012}, Step{12, 0}}) {
      const int64_t rows = step.lanes * options_.frames;
      const Tensor x =
          from_host(backend_, normal_noise(rows * dit_->latent_size()), rows, dit_->latent_size());
      // Threes of the guided step: everything, without the text, without the voice.
      std::vector<DitLane> lanes(static_cast<size_t>(step.lanes),
                                 DitLane{options_.frames, 0, &text, &speaker});
      for (size_t i = 0; i + 2 < lanes.size(); i += 3) {
        lanes[i + 1].text = nullptr;
        lanes[i + 2].speaker = nullptr;
      }
      stage("step, " + std::to_string(step.lanes) + (step.lanes == 1 ? " lane" : " lanes"),
            step.aim, true, [&] { dit_->forward(x, modulation, lanes); });
    }
  }

  void voice_and_speech() {
    const std::vector<float> voice = voice_samples(options_);
    stage("encode a voice", 0.015, true, [&] { speaker_latent(*codec_, voice); });
    for (const int64_t frames : {int64_t{64}, options_.frames}) {
      const Tensor latent = from_host(backend_, normal_noise(frames * codec_->latent_size()),
                                      frames, codec_->latent_size());
      stage("decode " + std::to_string(frames) + " frames", frames == 640 ? 0.035 : 0,
            frames == options_.frames, [&] { codec_->decode(latent); });
    }
  }

  const BenchOptions& options_;
  const Progress& progress_;
  BenchResult& result_;
  std::unique_ptr<Backend> device_;
  bench::ProfilingBackend backend_;
  std::unique_ptr<EchoDit> dit_;
  std::unique_ptr<Codec> codec_;
};

// ---- Whole requests. ----

class RequestBench {
 public:
  RequestBench(const BenchOptions& options, BenchResult& result)
      : options_(options), result_(result) {}

  void run(const std::function<void(const std::string&)>& progress) {
    progress("loading an engine");
    EngineOptions engine_options;
    engine_options.files = find_model_files(options_.model);
    engine_options.device = device_options(options_);
    engine_options.precision = options_.precision;
    engine_options.codec_precision = options_.codec_precision;
    engine_options.wide_blocks = options_.wide_blocks;
    engine_options.blockwise = false;
    const auto begin = std::chrono::steady_clock::now();
    const auto engine = Engine::load(engine_options);
    result_.load_seconds = seconds_since(begin);
    result_.weights_bytes = static_cast<double>(engine->status().memory.in_use);

    progress("a whole request");
    engine->speak(request(0));  // encodes the voice, builds what the first request needs
    std::vector<double> seconds;
    for (int i = 0; i < options_.repetitions; ++i) {
      const auto start = std::chrono::steady_clock::now();
      engine->speak(request(static_cast<uint64_t>(i)));
      seconds.push_back(seconds_since(start));
    }
    Measurement one;
    one.name = "one request, " + std::to_string(options_.num_steps) + " steps";
    one.seconds = median(seconds);
    one.fastest = *std::min_element(seconds.begin(), seconds.end());
    one.aim = options_.precision == Precision::kFloat8 ? 0.30 : 0.45;
    result_.measurements.push_back(one);
    result_.most_bytes = static_cast<double>(engine->status().memory.most);

    progress("requests at once");
    const auto start = std::chrono::steady_clock::now();
    std::vector<SpeechTicket> tickets;
    for (int64_t i = 0; i < options_.requests_at_once; ++i) {
      tickets.push_back(engine->submit(request(static_cast<uint64_t>(i))));
    }
    for (SpeechTicket& ticket : tickets) ticket.wait();
    Measurement all;
    all.name = std::to_string(options_.requests_at_once) + " requests at once";
    all.seconds = all.fastest = seconds_since(start);
    result_.measurements.push_back(all);
    result_.throughput_gain =
        static_cast<double>(options_.requests_at_once) * one.seconds / all.seconds;
  }

 private:
  // Speech of full length: random weights never fall silent before.
  SpeechRequest request(uint64_t seed) const {
    SpeechRequest result;
    result.text.assign(static_cast<size_t>(options_.text_tokens) - 6, 'a');
    result.voice = voice_of_samples(voice_samples(options_));
    result.parameters.seed = seed;
    result.parameters.num_steps = options_.num_steps;
    result.parameters.sequence_length = options_.frames;
    return result;
  }

  const BenchOptions& options_;
  BenchResult& result_;
};

}  // namespace

BenchResult run_bench(const BenchOptions& options,
                      const std::function<void(const std::string&)>& progress) {
  BenchResult result;
  ModelBench(options, progress, result).run();
  RequestBench(options, result).run(progress);
  return result;
}

}  // namespace echo::device_check
