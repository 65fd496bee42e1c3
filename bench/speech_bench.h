// What a user asks of a machine: how fast it speaks, when the first sound is there, what it takes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/report.h"
#include "engine/engine.h"

namespace echo::bench {

struct SpeechBenchOptions {
  EngineOptions engine;
  SpeechParameters parameters;  // num_steps, solver, cfg_interval and guidance are used
  double voice_seconds = 10;
};

// Loads an engine and speaks a short text, one of 10 s and one of 30 s with a voice that is known
// by then, each in a window as long as its speech: random weights, which never fall silent, then
// speak so long too. Fills Report::asked and the settings. Errors: as Engine::load and
// Engine::speak. `progress` is told what is being measured.
void measure_speech(const SpeechBenchOptions& options,
                    const std::function<void(const std::string&)>& progress, Report& report);

}  // namespace echo::bench
