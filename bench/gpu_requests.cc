// Whole requests through an engine on a GPU.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <future>
#include <memory>
#include <set>

#include "base/error.h"
#include "bench/gpu_measurement.h"
#include "bench/page_cache.h"
#include "engine/engine.h"

namespace echo::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

double seconds_since(SteadyClock::time_point begin) {
  return std::chrono::duration<double>(SteadyClock::now() - begin).count();
}

class RequestBench {
 public:
  RequestBench(const GpuBenchOptions& options, const Progress& progress, GpuBenchResult& result)
      : options_(options),
        progress_(progress),
        result_(result),
        voice_(voice_of_samples(voice_samples(options))) {}

  void run() {
    load();
    const Measurement one = one_by_one();
    at_once(one);
    first_audio();
  }

 private:
  void load() {
    EngineOptions options;
    options.files = find_model_files(options_.model);
    progress_("reading the files into the page cache");
    const std::set<std::filesystem::path> files{options.files.dit, options.files.codec,
                                                options.files.pca};
    for (const auto& file : files) {
      if (cached_bytes(file) < std::filesystem::file_size(file)) fill_cache(file);
    }
    progress_("loading an engine");
    options.device = options_.device;
    options.precision = options_.precision;
    options.codec_precision = options_.codec_precision;
    options.wide_blocks = options_.wide_blocks;
    const auto begin = SteadyClock::now();
    engine_ = Engine::load(options);
    result_.load_seconds = seconds_since(begin);
    result_.precision = engine_->info().precision;
    result_.codec_precision = engine_->info().codec_precision;
    result_.weights_bytes = static_cast<double>(engine_->status().memory.in_use);
    result_.aims.push_back({"loading, page cache to ready", "s", result_.load_seconds, 2.5});
    tell("loaded in %.2f s", result_.load_seconds);
  }

  Measurement one_by_one() {
    progress_("a whole request");
    std::vector<double> seconds;
    // The first encodes the voice, and builds and chooses what later ones find.
    for (int i = -std::min(options_.warm_ups, 1); i < options_.repetitions; ++i) {
      SpeechRequest next = request(static_cast<uint64_t>(i + 1));
      const auto begin = SteadyClock::now();
      engine_->speak(std::move(next));
      if (i >= 0) seconds.push_back(seconds_since(begin));
    }
    const Measurement one = add(
        measurement_of("one request, " + std::to_string(options_.num_steps) + " steps", seconds));
    const bool fp8 = result_.precision == "fp8", quantized = fp8 || result_.precision == "int8";
    result_.most_bytes = static_cast<double>(engine_->status().memory.most);
    result_.aims.push_back({"30 s of speech, 40 steps", "s", one.seconds, fp8 ? 0.30 : 0.45});
    result_.aims.push_back({"memory of the device, one request", "GB", result_.most_bytes / 1e9,
                            quantized ? 4.0 : 6.5});
    return one;
  }

  void at_once(const Measurement& one) {
    progress_("requests at once");
    // A wide batch meets shapes that are new: the first is no measure.
    constexpr int kRepetitions = 2;
    std::vector<double> seconds;
    for (int i = -std::min(options_.warm_ups, 1); i < kRepetitions; ++i) {
      std::vector<SpeechRequest> requests;
      for (int64_t n = 0; n < options_.requests_at_once; ++n) {
        requests.push_back(request(static_cast<uint64_t>(n)));
      }
      std::vector<SpeechStream> streams;
      const auto begin = SteadyClock::now();
      for (SpeechRequest& next : requests) streams.push_back(engine_->start(std::move(next)));
      for (SpeechStream& stream : streams) stream.collect();
      if (i >= 0) seconds.push_back(seconds_since(begin));
    }
    const std::string count = std::to_string(options_.requests_at_once);
    const Measurement all = add(measurement_of(count + " requests at once", seconds));
    result_.throughput_gain =
        static_cast<double>(options_.requests_at_once) * one.fastest / all.fastest;
    result_.aims.push_back(
        {count + " requests at once, throughput", "x", result_.throughput_gain, 1.4, true});
  }

  // From asking until the first samples are there; the rest of the request is not waited for.
  double first_audio_seconds(uint64_t seed) {
    SpeechRequest blocks = request(seed);
    blocks.parameters.block_sizes = options_.first_blocks;
    blocks.delivery = SpeechDelivery::kInOrder;
    const auto begin = SteadyClock::now();
    SpeechStream stream = engine_->start(std::move(blocks));
    const auto samples = stream.next();
    const double seconds = seconds_since(begin);
    result_.first_audio_length = static_cast<double>(samples.value().size()) / kModelRate;
    stream.cancel();
    try {
      stream.finish();
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kCancelled) throw;
    }
    return seconds;
  }

  void first_audio() {
    if (!engine_->info().blockwise) return;
    progress_("first audio");
    std::vector<double> seconds;
    for (int i = -options_.warm_ups; i < options_.repetitions; ++i) {
      const double one = first_audio_seconds(static_cast<uint64_t>(i + options_.warm_ups));
      if (i >= 0) seconds.push_back(one);
    }
    std::string name = "first audio, blocks ";
    for (const int64_t block : options_.first_blocks) name += std::to_string(block) + " ";
    const Measurement first =
        add(measurement_of(name + "x " + std::to_string(options_.num_steps) + " steps", seconds));
    result_.aims.push_back({"first audio, blocks 32, 128, 480", "ms", first.seconds * 1e3, 120});
  }

  Measurement add(const Measurement& measured) {
    result_.measurements.push_back(measured);
    progress_(told(measured));
    return measured;
  }

  void tell(const char* format, double value) const {
    char text[64];
    std::snprintf(text, sizeof text, format, value);
    progress_(text);
  }

  // Speech of full length: random weights never fall silent before.
  SpeechRequest request(uint64_t seed) const {
    SpeechRequest result;
    result.text.assign(static_cast<size_t>(std::max(options_.text_tokens - 6, int64_t{1})), 'a');
    result.voice = voice_;
    result.parameters.seed = seed;
    result.parameters.num_steps = options_.num_steps;
    result.parameters.sequence_length = options_.frames;
    return result;
  }

  const GpuBenchOptions& options_;
  const Progress& progress_;
  GpuBenchResult& result_;
  const VoiceReference voice_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace

void measure_requests(const GpuBenchOptions& options, const Progress& progress,
                      GpuBenchResult& result) {
  RequestBench(options, progress, result).run();
}

}  // namespace echo::bench
