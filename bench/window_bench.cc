// What a step of the sampler costs in the window that a text needs, against the whole window:
//   echo_window_bench MODEL_DIR
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "bench/tool.h"
#include "cpu/cpu_backend.h"
#include "engine/trajectory.h"
#include "engine/window.h"
#include "nn/weights.h"
#include "text/tokens.h"

namespace echo {
namespace {

constexpr int kRounds = 5;

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

struct Window {
  int64_t chars, frames;
  double fastest = 1e9;
};

void run(const std::filesystem::path& model) {
  cpu::CpuOptions options;
  options.threads = 1;  // CPU time then has no waiting in it
  const std::unique_ptr<Backend> backend = cpu::make_cpu_backend(options);
  const EchoDit dit({*backend, DType::kBFloat16}, Weights::open(model / "dit.safetensors"), false);
  DitSession session(dit);
  ModulationCache modulations(dit, false);
  std::vector<Window> windows;
  for (const int64_t chars : {30, 60, 120, 240}) windows.push_back({chars, window_frames(chars)});
  windows.push_back({240, kMaxFrames});
  for (int round = 0; round < kRounds; ++round) {
    for (Window& window : windows) {
      SamplerParameters parameters;
      parameters.num_steps = 2;
      parameters.sequence_length = window.frames;
      Conditions conditions;
      const std::string text = "[S1] " + std::string(static_cast<size_t>(window.chars), 'a');
      conditions.text = std::make_shared<KeyValueCache>(dit.encode_text(tokenize(text)));
      const auto silence = [](int64_t n) {
        return std::vector<float>(static_cast<size_t>(n), 0.5F);
      };
      Trajectory trajectory(session, parameters, silence, std::move(conditions));
      Trajectory* const batch[] = {&trajectory};
      trajectory.apply(velocities(session, modulations, batch));
      const double begin = cpu_seconds();
      trajectory.apply(velocities(session, modulations, batch));
      window.fastest = std::min(window.fastest, cpu_seconds() - begin);
    }
  }
  std::printf(
      "| characters | window, frames | a step, CPU ms | of the whole window's |\n"
      "| --- | --- | --- | --- |\n");
  for (const Window& window : windows) {
    std::printf("| %lld | %lld | %.1f | %.2f |\n", static_cast<long long>(window.chars),
                static_cast<long long>(window.frames), 1000 * window.fastest,
                window.fastest / windows.back().fastest);
  }
}

}  // namespace
}  // namespace echo

int main(int argc, char** argv) {
  CLI::App app("Measures what a step of a short text costs in windows of different lengths.",
               "echo_window_bench");
  std::string model;
  app.add_option("model", model, "Directory of the checkpoints")->required();
  return echo::bench::run_tool(app, argc, argv, [&] { echo::run(model); });
}
