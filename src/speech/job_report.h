// What a finished job leaves for whoever runs the program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "audio/format.h"
#include "engine/speech_request.h"
#include "speech/spoken_audio.h"

namespace echo {

// What a job came to, for the operator: numbers and ids, never a word of the user.
struct JobReport {
  std::string route = "job";  // how it came: "job", "openai"
  std::string kind;           // of the failure; empty: it succeeded
  std::string job_id;         // the platform's
  std::string session_id;     // empty when the input was refused
  size_t text_chars = 0;      // code points
  StageTimings timings;       // of the engine; queue and voice include what happens around it
  double encode_seconds = 0;
  double upload_seconds = 0;
  double total_seconds = 0;                   // from the moment that the job was queued
  std::optional<double> first_audio_seconds;  // the same, to the first final samples
  double audio_seconds = 0;
  // The longest that a listener who began with the first bytes had to wait for more.
  std::optional<double> underrun_seconds;
  size_t bytes = 0;  // of the encoded file
  size_t chunks = 0;
  size_t kept_chunks = 0;            // of them, heard with a fault, since no take was better
  std::vector<std::string> rerolls;  // why each take that was not kept was made again
  uint64_t seed = 0;
  VoiceCacheUse voice_cache = VoiceCacheUse::kNoVoice;
  AudioFormat format = AudioFormat::kOggOpus;
  size_t input_warnings = 0;          // about the request and the recording: they quote names
  std::vector<std::string> warnings;  // about the speech itself
};

// Fills in what is known of speech that has been spoken and encoded: timings, chunks and what was
// made anew, length, bytes.
void fill_report(const SpokenAudioSummary& spoken, JobReport& report);

// {"event": "job", "id", "session_id", "status": "completed" or the failure's kind, "text_chars",
// "chunks", "rerolls", "seed", "format", "bytes", "audio_seconds", "voice_cache", "timings": {...},
// "input_warnings", "warnings"} on one line.
std::string report_line(const JobReport& report);

// The timings as results and reports show them: rounded seconds by stage, and "total".
nlohmann::json timings_of(const JobReport& report);
// "hit", "miss", or null without a voice.
nlohmann::json voice_cache_of(const JobReport& report);
// To a tenth of a millisecond.
double rounded_seconds(double seconds);

}  // namespace echo
