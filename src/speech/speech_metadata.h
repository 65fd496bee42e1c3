// What a result tells about its speech: the one document of jobs and of the command line.
#pragma once

#include <span>
#include <string>

#include "base/json.h"
#include "speech/job_input.h"
#include "speech/job_report.h"

namespace echo {

// What spoke.
struct SpeechSource {
  std::string model;   // "echo-tts-base@1a2b3c4"
  std::string device;  // "cpu"
};

// {"sample_rate", "codec", "bitrate", "duration", "seed", "profile", "continuity", "strands",
// "solver", "steps", "cfg_interval", "evaluations", "rerolls", "device", "model", "chunks",
// "voice_cache", "warnings", "timings"}. The warnings of `speech` are made presentable: `secrets`
// are hidden in them.
Json speech_metadata(const JobInput& input, const SpeechSummary& speech, const JobReport& report,
                     const SpeechSource& source, std::span<const std::string> secrets = {});

}  // namespace echo
