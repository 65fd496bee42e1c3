#include "bench/speech_bench.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>

#include "base/error.h"
#include "bench/gpu_measurement.h"
#include "checkpoint/limits.h"

namespace echo::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr double kCharsPerSecond = 14;

double seconds_since(SteadyClock::time_point begin) {
  return std::chrono::duration<double>(SteadyClock::now() - begin).count();
}

// The most memory that the process has held, in GB.
double peak_gigabytes() {
  std::ifstream status("/proc/self/status");
  std::string name;
  while (status >> name) {
    double kilobytes = 0;
    if (name == "VmHWM:" && status >> kilobytes) return kilobytes / 1e6;
    status.ignore(1 << 16, '\n');
  }
  return 0;
}

class SpeechBench {
 public:
  SpeechBench(const SpeechBenchOptions& options,
              const std::function<void(const std::string&)>& progress, Report& report)
      : options_(options), progress_(progress), report_(report) {
    GpuBenchOptions voice;
    voice.voice_seconds = options.voice_seconds;
    voice_ = voice_of_samples(voice_samples(voice));
  }

  void run() {
    progress_("loading an engine");
    auto begin = SteadyClock::now();
    engine_ = Engine::load(options_.engine);
    const double start = seconds_since(begin);
    const EngineInfo& info = engine_->info();
    report_.settings = info.precision + ", codec " + info.codec_precision + ", " +
                       std::to_string(options_.parameters.num_steps) + " steps of " +
                       parameter_text(options_.parameters, "solver") + ", guidance in every " +
                       std::to_string(options_.parameters.cfg_interval) + ". evaluation";
    progress_("the first request");
    begin = SteadyClock::now();
    SpeechRequest first = request(1);
    first.parameters.num_steps = 1;
    engine_->speak(std::move(first));
    const double first_request = seconds_since(begin);
    speak("a short text, 3 s", 3);
    speak("a text of 10 s", 10);
    speak("a text of 30 s", 29.7);
    first_audio();
    add({"start, files to ready", "s", start});
    add({"first request beyond that, one step and the voice", "s", first_request});
    add({"memory, at most", "GB", peak_gigabytes()});
  }

 private:
  void speak(const std::string& name, double seconds) {
    progress_(name);
    const auto begin = SteadyClock::now();
    const SpeechResult result = engine_->speak(request(seconds));
    const double spent = seconds_since(begin);
    add({name, "s of speech in a second", result.seconds() / spent, true});
    add({name + ", time", "s", spent});
  }

  // From asking for a text of 10 s in blocks until its first samples are there.
  void first_audio() {
    if (!engine_->info().blockwise) return;
    progress_("first audio");
    SpeechRequest blocks = request(10);
    blocks.parameters.block_sizes = {32, 64, 120};
    blocks.delivery = SpeechDelivery::kInOrder;
    // The weights for blocks are loaded when they are used first: not part of what is asked.
    for (const bool measured : {false, true}) {
      SpeechRequest asked = blocks;
      if (!measured) asked.parameters.num_steps = 1;
      const auto begin = SteadyClock::now();
      SpeechStream stream = engine_->start(std::move(asked));
      stream.next();
      const double spent = seconds_since(begin);
      if (!measured) {
        stream.collect();
        continue;
      }
      add({"first audio, in blocks of 32, 64 and 120 frames", "s", spent});
      stream.cancel();
      try {
        stream.finish();
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kCancelled) throw;
      }
    }
  }

  void add(const ReportRow& row) {
    report_.asked.push_back(row);
    char text[160];
    std::snprintf(text, sizeof text, "%s: %.3f %s", row.name.c_str(), row.value, row.unit.c_str());
    progress_(text);
  }

  SpeechRequest request(double seconds) const {
    SpeechRequest result;
    const auto chars = static_cast<size_t>(seconds * kCharsPerSecond);
    while (result.text.size() < chars) result.text += "a short word and ";
    result.text.resize(chars);
    result.voice = voice_;
    result.parameters = parameters_of(Profile::kPublished);
    static_cast<SamplerParameters&>(result.parameters) = options_.parameters;
    result.parameters.block_sizes.clear();
    result.parameters.max_chars_per_chunk = 0;
    result.parameters.sequence_length = std::min(
        kMaxFrames, static_cast<int64_t>(std::ceil(seconds * kSampleRate / kFrameSamples)));
    return result;
  }

  const SpeechBenchOptions& options_;
  const std::function<void(const std::string&)>& progress_;
  Report& report_;
  VoiceReference voice_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace

void measure_speech(const SpeechBenchOptions& options,
                    const std::function<void(const std::string&)>& progress, Report& report) {
  SpeechBench(options, progress, report).run();
}

}  // namespace echo::bench
