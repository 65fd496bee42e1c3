// What judging a take costs, in CPU time for a second of its audio.
#include <benchmark/benchmark.h>

#include <cmath>
#include <random>

#include "audio/voice.h"
#include "engine/quality_judge.h"

namespace echo {
namespace {

constexpr double kSeconds = 6;

// Syllables with harmonics of their own, and pauses between words.
std::vector<float> speech(double pitch) {
  std::vector<float> samples(static_cast<size_t>(kSeconds * kModelRate));
  std::mt19937 random(1);
  std::vector<double> colours(30);
  for (size_t i = 0; i < samples.size(); ++i) {
    if (i % (kModelRate / 8) == 0) {
      for (double& colour : colours)
        colour = std::pow(10, static_cast<double>(random() % 100) / 50 - 1);
    }
    if (i / (kModelRate / 8) % 5 == 4) continue;
    const double t = static_cast<double>(i) / kModelRate;
    double x = 0;
    for (size_t k = 1; k <= colours.size(); ++k) {
      x += std::sin(2 * M_PI * pitch * static_cast<double>(k) * t) * colours[k - 1] /
           static_cast<double>(k);
    }
    samples[i] = static_cast<float>(0.05 * x);
  }
  return samples;
}

void judge(benchmark::State& state, double reference_pitch) {
  const std::vector<float> samples = speech(120);
  const auto print = voice_print(speech(reference_pitch), kModelRate);
  const ChunkJudge ask = make_quality_judge();
  ChunkTake take;
  take.text =
      "A text that takes about six seconds when it is read as one reads aloud, I would say.";
  take.ended = true;
  take.samples = samples;
  if (reference_pitch > 0) take.voice = &*print;
  if (ask(take).score != 0) return state.SkipWithError("a good take is taken for a bad one");
  for (auto step : state) benchmark::DoNotOptimize(ask(take));
  state.counters["ms_per_second"] = benchmark::Counter(
      kSeconds / 1000, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

}  // namespace
}  // namespace echo

int main(int argc, char** argv) {
  benchmark::RegisterBenchmark("judge/no reference", echo::judge, 0.0);
  benchmark::RegisterBenchmark("judge/reference", echo::judge, 120.0);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
