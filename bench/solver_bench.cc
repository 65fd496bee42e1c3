// How far the sampler's latents are from those of 200 Euler steps, against the evaluations of the
// model that they took, for solvers, numbers of steps and intervals of guidance.
//
//   echo_solver_bench MODEL VOICE.flac < texts
//
// prints a line for each setting: solver, steps, cfg_interval, evaluations, relative distance
// (L2 of all texts together), with guidance by text and voice as published.
#include <cmath>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "audio/voice.h"
#include "bench/tool.h"
#include "checkpoint/model_files.h"
#include "cpu/cpu_backend.h"
#include "engine/noise.h"
#include "engine/speech_parameters.h"
#include "engine/trajectory.h"
#include "models/codec.h"
#include "models/pca_state.h"
#include "models/speaker_latent.h"
#include "text/tokens.h"

namespace echo {
namespace {

constexpr int64_t kFrames = 128;  // six seconds
constexpr int64_t kReferenceSteps = 200;

struct Outcome {
  std::vector<float> latents;  // of all texts
  int64_t evaluations = 0;     // of one text
};

class Sampler {
 public:
  Sampler(const std::string& model, const std::string& voice, std::vector<std::string> texts)
      : texts_(std::move(texts)) {
    const auto [dit, dac, pca] = open_model(find_model_files(model));
    const LayerContext context{*backend_, DType::kFloat32};
    dit_ = std::make_unique<EchoDit>(context, dit, false);
    session_ = std::make_unique<DitSession>(*dit_);
    modulations_ = std::make_unique<ModulationCache>(*dit_, false);
    const Codec codec(context, dac, read_pca_state(pca));
    const Tensor latent = speaker_latent(codec, load_voice(voice).samples);
    speaker_ = std::make_shared<KeyValueCache>(dit_->encode_speaker(latent, latent.rows()));
  }

  Outcome run(const SamplerParameters& parameters) {
    Outcome outcome;
    for (size_t i = 0; i < texts_.size(); ++i) {
      NoiseGenerator generator(NoiseKind::kCuda, i);
      Conditions conditions;
      conditions.text = std::make_shared<KeyValueCache>(dit_->encode_text(tokenize(texts_[i])));
      conditions.speaker = speaker_;
      Trajectory trajectory(
          *session_, parameters, [&](int64_t n) { return generator.draw(n); }, conditions);
      Trajectory* const batch[] = {&trajectory};
      while (!trajectory.finished()) {
        if (i == 0) outcome.evaluations += static_cast<int64_t>(trajectory.sequences().size());
        trajectory.apply(velocities(*session_, *modulations_, batch));
      }
      const std::vector<float> latents = trajectory.latent().to_host();
      outcome.latents.insert(outcome.latents.end(), latents.begin(), latents.end());
    }
    return outcome;
  }

 private:
  std::vector<std::string> texts_;
  std::unique_ptr<Backend> backend_ = cpu::make_cpu_backend({.threads = 1});
  std::unique_ptr<EchoDit> dit_;
  std::unique_ptr<DitSession> session_;
  std::unique_ptr<ModulationCache> modulations_;
  std::shared_ptr<const KeyValueCache> speaker_;
};

double distance(const std::vector<float>& found, const std::vector<float>& wanted) {
  double apart = 0, size = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    apart += std::pow(double{found[i]} - wanted[i], 2);
    size += std::pow(double{wanted[i]}, 2);
  }
  return std::sqrt(apart / size);
}

void run(const std::string& model, const std::string& voice) {
  std::vector<std::string> texts;
  for (std::string line; std::getline(std::cin, line);) {
    if (!line.empty()) texts.push_back(line);
  }
  Sampler sampler(model, voice, texts);
  SpeechParameters parameters;
  parameters.sequence_length = kFrames;
  parameters.num_steps = kReferenceSteps;
  const std::vector<float> reference = sampler.run(parameters).latents;
  for (const char* solver : {"euler", "ab2", "heun"}) {
    for (const int64_t interval : {1, 2, 3}) {
      for (const int64_t steps : {5, 7, 10, 13, 16, 20, 27, 40}) {
        set_parameter(parameters, "solver", solver);
        parameters.num_steps = steps;
        parameters.cfg_interval = interval;
        const Outcome outcome = sampler.run(parameters);
        std::printf("%s %lld %lld %lld %.5f\n", solver, static_cast<long long>(steps),
                    static_cast<long long>(interval), static_cast<long long>(outcome.evaluations),
                    distance(outcome.latents, reference));
        std::fflush(stdout);
      }
    }
  }
}

}  // namespace
}  // namespace echo

int main(int argc, char** argv) {
  CLI::App app(
      "Measures how far the sampler's latents are from those of 200 Euler steps, for texts on "
      "standard input, one a line.",
      "echo_solver_bench");
  std::string model, voice;
  app.add_option("model", model, "Directory of the checkpoints")->required();
  app.add_option("voice", voice, "Recording of the voice")->required();
  return echo::bench::run_tool(app, argc, argv, [&] { echo::run(model, voice); });
}
