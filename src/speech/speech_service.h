// A job from its JSON to its outcome. The parts that it is made of: job_input.h reads, stored_job.h
// speaks and delivers, job_secrets.h and job_failure.h make failures presentable, report_log.h tells.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "job/outcome.h"
#include "net/object_store.h"
#include "speech/delivery.h"
#include "speech/health_check.h"
#include "speech/job_failure.h"
#include "speech/job_input.h"
#include "speech/job_report.h"
#include "speech/output_directory.h"
#include "speech/report_log.h"
#include "speech/speech_function.h"
#include "speech/speech_maker.h"
#include "speech/voice_library.h"

namespace echo {

// What a running job may tell and ask. Functions may be empty.
struct SpeechContext {
  // Shows "chunk 2/5, step 17/40" to the client. Called on the device's thread: it must not wait.
  std::function<void(const Json&)> progress = {};
  std::function<void()> step = {};  // called at every step, there too
  std::stop_token stop = {};
  double queue_seconds = 0;  // that the job waited before it came here
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  LogScope scope = {};
};

struct SpeechServiceOptions {
  JobLimits limits;
  std::string model;   // as results name it: "echo-tts-base@1a2b3c4"
  std::string device;  // "cpu"
  std::chrono::milliseconds progress_interval{1000};
  std::chrono::milliseconds storage_patience{5000};      // of a health check
  std::function<std::vector<HealthItem>()> health = {};  // what the program adds to health checks
  std::function<void(const JobReport&)> finished = {};  // after every job that spoke or should have
};

// What the service works with; everything outlives it.
struct SpeechServiceParts {
  SpeechFunction speak;
  VoiceLibrary& voices;
  ObjectStore* store;          // null: only jobs with an s3Config of their own have somewhere to go
  JobStoreFactory job_stores;  // empty: no job may have one
  OutputDirectory& output;
  Logger& logger;
  Clock& clock = real_clock();
};

// Threads: every member may be called from any thread; jobs run on the threads of their callers.
class SpeechService {
 public:
  // Throws kInvalidArgument when the output directory overlaps the voices'.
  SpeechService(SpeechServiceOptions options, SpeechServiceParts parts);

  // Does a job: the whole object as a client sends it, {"input", "s3Config"?, ...}. Returns the
  // result's document, or why there is none, in texts that hold no user text, no secret and no path
  // of the host. Never throws.
  JobOutcome run(const Json& job, const SpeechContext& context);

  // The answer to the action health_check; the engine is not asked.
  Json health() const;

 private:
  Json do_job(const Json& job, const SpeechContext& context, std::span<const std::string> secrets,
              JobReport& report);
  void finish(const JobReport& report, const JobFailure* failure, const LogScope& scope);
  void clean_sometimes();

  const SpeechServiceOptions options_;
  const SpeechServiceParts parts_;
  const SpeechMaker maker_;
  const ReportLog reports_;
  const std::vector<std::string> directories_;  // whose names are nobody's business
  std::mutex mutex_;
  std::chrono::steady_clock::time_point last_clean_;
};

}  // namespace echo
