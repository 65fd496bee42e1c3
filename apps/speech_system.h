// Engine, voices, storage and service put together, for whatever serves jobs.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "apps/engine_options.h"
#include "base/cold_start.h"
#include "base/log.h"
#include "job/handler.h"
#include "net/object_store.h"
#include "server/openai_job.h"
#include "speech/speech_service.h"
#include "speech/streamed_job.h"
#include "speech/voice_uploads.h"

namespace echo::apps {

struct SpeechSystemOptions {
  EngineFlags engine;
  S3Options s3;
  // Results go to this folder instead of a bucket; empty: the bucket.
  std::string storage_directory;
  ObjectStore* store = nullptr;  // a store that is open already, instead of either
  std::stop_token stop;          // ends a download of the model
  std::string voices_directory;
  // Where voices go that clients add; empty: "uploads" in the voices' directory, or, where that is
  // not there, `spare_uploads`, unless that is empty, too.
  std::string uploads_directory;
  std::string spare_uploads;
  VoiceUploadOptions uploads;
  OutputDirectoryOptions output;
  JobLimits limits;
  server::OpenAiOptions openai;
  size_t piece_bytes = SpeechPieceOptions().piece_bytes;  // of jobs that ask for pieces
  double first_sound_seconds = 0.4;  // SpeechRequest::first_sound_seconds of what is listened to
  // Of a model that is in no cache: a server or a worker downloads it, a trial speaks with the
  // small voice.
  bool small_voice = false;
  size_t max_requests = 0;  // in the engine at a time; 0: its own choice
  std::function<void(const JobReport&)> finished = {};  // after every job
  // "on", "off"; "auto": on a GPU, whose first step is slow.
  std::string warm_up = "auto";
  ColdStart* cold_start = nullptr;  // told of "resolve", "map", "load", "config", "warm-up"
};

// Options from flags that were parsed and the environment. Errors: kInvalidArgument.
SpeechSystemOptions speech_system_options(EngineFlags engine, const Environment& environment);

// One line for each setting, secrets as "set".
std::vector<std::string> settings_of(const SpeechSystemOptions& options);

// One line for each thing that must be changed before anything is loaded: directories that are
// cleaned must hold nothing else.
std::vector<std::string> settings_problems(const SpeechSystemOptions& options);

class SpeechSystem {
 public:
  // Finds or downloads the model and loads it, which may take minutes. Errors: as locate_model,
  // Engine::load, the stores.
  SpeechSystem(const SpeechSystemOptions& options, HttpClient& http, Logger& logger);
  ~SpeechSystem();
  SpeechSystem(const SpeechSystem&) = delete;
  SpeechSystem& operator=(const SpeechSystem&) = delete;

  Handler handler();
  Engine& engine() { return *engine_; }
  // Jobs at once: what the environment says, or as many as the engine gains from.
  int concurrency() const { return concurrency_; }
  SpeechService& service() { return *service_; }
  LiveSpeech& live() { return *live_; }
  // Null when there is no place for them.
  VoiceUploads* uploads() { return uploads_.get(); }

  // One short synthesis, so that the first job finds everything packed and mapped.
  void warm_up();

 private:
  void lap(const std::string& stage) const;

  Logger& logger_;
  ColdStart* cold_start_;
  int concurrency_ = 1;
  std::unique_ptr<Engine> engine_;
  SampleVoices sample_voices_;  // where no others are
  std::unique_ptr<VoiceDirectory> voice_directory_;
  std::unique_ptr<VoiceLibrary> voices_;
  std::unique_ptr<VoiceUploads> uploads_;
  std::unique_ptr<ObjectStore> store_;
  std::unique_ptr<OutputDirectory> output_;
  std::unique_ptr<SpeechService> service_;
  std::unique_ptr<LiveSpeech> live_;
  StreamedJobOptions pieces_;
  server::OpenAiJobOptions openai_;
};

}  // namespace echo::apps
