// What the device's thread needs of a request, and what all requests share.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/block_plan.h"
#include "engine/noise.h"
#include "engine/speech_request.h"
#include "engine/voice_cache.h"
#include "engine/voice_store.h"
#include "models/codec.h"
#include "models/echo_dit.h"
#include "models/speaker_latent.h"
#include "text/planned_text.h"

namespace echo {

// What all requests share. References outlive every job.
struct SpeechModels {
  Backend& backend;
  DitSession& session;
  const Codec& codec;
  VoiceCache& voices;
  const VoiceStore& voice_store;
  NoiseKind noise = NoiseKind::kCuda;
  SpeakerLatentOptions speaker_latent;
  int64_t batch_width = 0;  // trajectories that advance together; 0: as the backend gains from
  EvaluationPace* pace = nullptr;  // null: not measured
};

// A request after everything that needs no device: checked, planned, its voice found or loaded.
struct PreparedSpeech {
  std::vector<PlannedChunk> chunks;
  double leading_pause_seconds = 0;
  SpeechParameters parameters;
  SpeechDelivery delivery = SpeechDelivery::kWhole;
  std::optional<double> first_sound_seconds;
  ChunkJudge judge;
  std::vector<std::string> warnings;
  bool has_voice = false;
  std::string voice_key;
  std::shared_ptr<const EncodedVoice> voice;  // when it was in memory
  std::vector<float> voice_latents;           // else, when it was on disk
  std::vector<float> voice_samples;           // else
  std::optional<VoicePrint> voice_print;      // that lay beside voice_latents
  std::chrono::steady_clock::time_point submitted;
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
};

}  // namespace echo
