// What a result tells about its speech.
#pragma once

#include <span>
#include <string>

#include "base/json.h"
#include "speech/job_input.h"
#include "speech/job_report.h"

namespace echo {

// {"sample_rate", "codec", "bitrate", "duration", "seed", "solver", "steps", "cfg_interval",
// "evaluations", "device", "model", "chunks",
// "voice_cache", "warnings", "timings"}. The warnings of `speech` are made presentable: `secrets`
// are hidden in them.
Json speech_metadata(const JobInput& input, const SpeechSummary& speech, const JobReport& report,
                     const std::string& model, const std::string& device,
                     std::span<const std::string> secrets);

}  // namespace echo
