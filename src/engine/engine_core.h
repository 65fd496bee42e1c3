// The loaded models and what is kept between requests.
#pragma once

#include <memory>
#include <string>

#include "engine/engine.h"
#include "engine/modulation_cache.h"
#include "engine/plan.h"
#include "engine/prepared_speech.h"
#include "engine/voice_cache.h"
#include "engine/voice_store.h"

namespace echo {

class EngineCore {
 public:
  // Errors: kNotFound, kCorrupt for files; kInvalidArgument for options.
  explicit EngineCore(const EngineOptions& options);
  ~EngineCore();

  // What needs no device: checks, the plan of chunks, the voice found or loaded. Any thread may
  // call. Errors as Engine::start.
  PreparedSpeech prepare(SpeechRequest request) const;

  EngineInfo info() const;
  const SpeechModels& models() const { return models_; }
  ModulationCache& modulations() { return modulations_; }
  VoiceCache::Statistics voices() const { return voices_.statistics(); }
  void forget_voice(const std::string& key) {
    voices_.remove(key);
    voice_store_.remove(key);
    voice_store_.remove(print_key(key));
  }

 private:
  struct Checkpoints;
  EngineCore(const EngineOptions& options, std::unique_ptr<Checkpoints> opened);

  static PlanModel plan_model(const Checkpoints& checkpoints);
  void prepare_voice(const VoiceReference& voice, PreparedSpeech& prepared) const;

  // Open as long as matrices may be packed from them; first, so that what reads them ends before.
  std::unique_ptr<Checkpoints> checkpoints_;
  int64_t max_text_chars_;
  uint64_t file_bytes_ = 0, read_bytes_ = 0;
  std::unique_ptr<Backend> backend_;
  Plan plan_;
  LayerContext context_, codec_context_;
  const EchoDit dit_;
  DitSession session_{dit_};
  Codec codec_;
  ModulationCache modulations_;
  EvaluationPace pace_;
  VoiceCache voices_;
  VoiceStore voice_store_;
  SpeechModels models_;
};

}  // namespace echo
