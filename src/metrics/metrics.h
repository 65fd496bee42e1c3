// What is counted and timed, in the text format of Prometheus.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/cold_start.h"
#include "speech/job_report.h"

namespace echo {

// Every label must come from a small fixed set: never an id, a voice or a text. Times in seconds.
// Threads: any.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // echotts_build_info
  void build_info(const std::string& version, const std::string& git,
                  const std::string& model_hash);
  // echotts_cold_start_seconds: a gauge for each stage, which add up to echotts_ready_seconds.
  void cold_start(const ColdStart& start);

  // A request for speech that is over. `route`: "run", "runsync", "realtime", "queue", ...;
  // `format`: "ogg", ..., empty: none; `status`: "completed", "failed", "cancelled", "timed_out".
  void request_finished(const std::string& route, const std::string& format,
                        const std::string& status, double seconds);
  // Everything that a speech job tells of itself: stages, audio, chunks, voice cache, upload.
  // Beside request_finished(), which counts it.
  void speech_finished(const JobReport& report);

  // `route`: "job", "openai"; `format`: "ogg", ...
  void first_audio(const std::string& route, const std::string& format, double seconds);
  // "queue", "speaker", "text", "diffusion", "decode", "encode", "upload"
  void stage(const std::string& stage, double seconds);
  // Audio that was made, and the time that this took: the real-time factor is their quotient.
  void audio_generated(double audio_seconds, double seconds);
  // result: "clean" or "kept", with a fault.
  void chunks(const std::string& result, double count);
  void reroll(const std::string& reason);
  void cancelled(const std::string& cause);
  void voice_cache(bool hit);
  void upload(double seconds);
  void upload_failed();
  void upload_retried();

  void set_queue_depth(double jobs);
  void set_in_flight(double jobs);
  void set_batch_size(double trajectories);
  void set_connections(double count);

  // An answered request of any route; `route` is the pattern, and empty for unknown ones.
  void http_answered(const std::string& route, const std::string& method, int status,
                     double seconds);

  // Called before each text(), to set gauges.
  void on_scrape(std::function<void(Metrics&)> sample);

  // Text format 0.0.4, with the standard process_* metrics.
  std::string text();
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace echo
