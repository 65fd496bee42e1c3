#include "metrics/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <mutex>
#include <vector>

#include "metrics/process_metrics.h"
#include "speech/job_failure.h"

namespace echo {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;

namespace {

const Histogram::BucketBoundaries kRequestSeconds{0.05, 0.1, 0.25, 0.5, 1,   2.5, 5,
                                                  10,   20,  40,   60,  120, 300, 600};
const Histogram::BucketBoundaries kFirstAudioSeconds{0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1,
                                                     1.5,  2.5,  5,   10,  20,  40,  120,  600};
const Histogram::BucketBoundaries kStageSeconds{0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5,
                                                1,     2.5,   5,    10,   30,  120};
const Histogram::BucketBoundaries kAnswerSeconds{0.001, 0.005, 0.01, 0.05, 0.1, 0.5,
                                                 1,     5,     10,   30,   90,  300};
const Histogram::BucketBoundaries kRealTimeFactor{0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5,
                                                  0.75, 1,    1.5,  2.5, 5,   10};

}  // namespace

struct Metrics::Families {
  prometheus::Registry registry;
  std::mutex mutex;
  std::vector<std::function<void(Metrics&)>> samples;

  Family<Counter>& counter(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
  }
  Family<Gauge>& gauge(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
  }
  Family<Histogram>& histogram(const char* name, const char* help) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
  }

  Family<Gauge>& build_info = gauge("echotts_build_info", "What runs, in its labels.");
  Family<Gauge>& cold_start =
      gauge("echotts_cold_start_seconds", "Time of each stage of the start.");
  Family<Gauge>& ready =
      gauge("echotts_ready_seconds", "From the start of the process until it was ready.");
  Family<Counter>& requests =
      counter("echotts_requests_total", "Requests for speech that are over.");
  Family<Histogram>& request_seconds = histogram("echotts_request_duration_seconds",
                                                 "From acceptance to the end, waiting included.");
  Family<Histogram>& stage_seconds =
      histogram("echotts_stage_duration_seconds", "Time of each stage of a request.");
  Family<Counter>& rerolls = counter("echotts_rerolls_total", "Chunks that were spoken again.");
  Family<Counter>& cancelled = counter("echotts_cancelled_total", "Requests that were given up.");
  Family<Counter>& http_requests =
      counter("echotts_http_requests_total", "HTTP requests answered.");
  Family<Histogram>& http_seconds =
      histogram("echotts_http_request_duration_seconds", "Time to answer an HTTP request.");

  Family<Histogram>& first_audio =
      histogram("echotts_time_to_first_audio_seconds",
                "From acceptance to the first audio: for listeners, when its bytes left.");
  Counter& audio =
      counter("echotts_audio_generated_seconds_total", "Length of all audio made.").Add({});
  Histogram& real_time_factor =
      histogram("echotts_real_time_factor_ratio", "Time to make audio, by its length.")
          .Add({}, kRealTimeFactor);
  Gauge& queue_depth = gauge("echotts_queue_depth", "Requests that wait.").Add({});
  Gauge& in_flight = gauge("echotts_requests_in_flight", "Requests being worked on.").Add({});
  Gauge& batch_size = gauge("echotts_batch_size", "Trajectories that advance together.").Add({});
  prometheus::Family<Counter>& chunks = counter(
      "echotts_chunks_total", "Chunks of text spoken: clean, or kept with a fault.");
  Counter& hits = counter("echotts_voice_cache_hits_total", "Voices found encoded.").Add({});
  Counter& misses =
      counter("echotts_voice_cache_misses_total", "Voices that were encoded.").Add({});
  Counter& upload_failures =
      counter("echotts_upload_failures_total", "Uploads that failed for good.").Add({});
  Counter& upload_retries =
      counter("echotts_upload_retries_total", "Attempts to upload after the first.").Add({});
  Histogram& upload_seconds =
      histogram("echotts_upload_duration_seconds", "Time of an upload, retries included.")
          .Add({}, kStageSeconds);
  Gauge& connections = gauge("echotts_http_connections", "Open HTTP connections.").Add({});
};

Metrics::Metrics() : families_(std::make_unique<Families>()) {}
Metrics::~Metrics() = default;

void Metrics::build_info(const std::string& version, const std::string& git,
                         const std::string& model_hash) {
  families_->build_info.Add({{"version", version}, {"git", git}, {"model_hash", model_hash}})
      .Set(1);
}

void Metrics::cold_start(const ColdStart& start) {
  for (const ColdStart::Stage& stage : start.stages()) {
    families_->cold_start.Add({{"stage", stage.name}}).Set(stage.seconds);
  }
  families_->ready.Add({}).Set(start.total());
}

void Metrics::request_finished(const std::string& route, const std::string& format,
                               const std::string& status, double seconds) {
  families_->requests
      .Add({{"route", route}, {"format", format.empty() ? "none" : format}, {"status", status}})
      .Increment();
  families_->request_seconds.Add({{"route", route}}, kRequestSeconds).Observe(seconds);
}

void Metrics::speech_finished(const JobReport& report) {
  const StageTimings& times = report.timings;
  if (report.first_audio_seconds) {
    first_audio(report.route, std::string(format_name(report.format)), *report.first_audio_seconds);
  }
  if (report.audio_seconds > 0) {
    stage("queue", times.queue);
    stage("speaker", times.voice);
    stage("text", times.text);
    stage("diffusion", times.diffusion);
    stage("decode", times.decode);
    stage("encode", report.encode_seconds);
    audio_generated(report.audio_seconds, times.voice + times.text + times.diffusion +
                                              times.decode + report.encode_seconds);
    chunks("clean", static_cast<double>(report.chunks - report.kept_chunks));
    chunks("kept", static_cast<double>(report.kept_chunks));
    for (const std::string& reason : report.rerolls) reroll(reason);
    if (report.voice_cache != VoiceCacheUse::kNoVoice) {
      voice_cache(report.voice_cache == VoiceCacheUse::kHit);
    }
  }
  if (report.upload_seconds > 0) {
    stage("upload", report.upload_seconds);
    upload(report.upload_seconds);
  }
  if (report.kind == job_kind::kStorageUnavailable) upload_failed();
}

void Metrics::first_audio(const std::string& route, const std::string& format, double seconds) {
  families_->first_audio.Add({{"route", route}, {"format", format}}, kFirstAudioSeconds)
      .Observe(seconds);
}

void Metrics::stage(const std::string& stage, double seconds) {
  families_->stage_seconds.Add({{"stage", stage}}, kStageSeconds).Observe(seconds);
}

void Metrics::audio_generated(double audio_seconds, double seconds) {
  if (!(audio_seconds > 0)) return;
  families_->audio.Increment(audio_seconds);
  if (seconds > 0) families_->real_time_factor.Observe(seconds / audio_seconds);
}

void Metrics::chunks(const std::string& result, double count) {
  if (count > 0) families_->chunks.Add({{"result", result}}).Increment(count);
}
void Metrics::reroll(const std::string& reason) {
  families_->rerolls.Add({{"reason", reason}}).Increment();
}
void Metrics::cancelled(const std::string& cause) {
  families_->cancelled.Add({{"cause", cause}}).Increment();
}
void Metrics::voice_cache(bool hit) { (hit ? families_->hits : families_->misses).Increment(); }
void Metrics::upload(double seconds) { families_->upload_seconds.Observe(seconds); }
void Metrics::upload_failed() { families_->upload_failures.Increment(); }
void Metrics::upload_retried() { families_->upload_retries.Increment(); }
void Metrics::set_queue_depth(double jobs) { families_->queue_depth.Set(jobs); }
void Metrics::set_in_flight(double jobs) { families_->in_flight.Set(jobs); }
void Metrics::set_batch_size(double trajectories) { families_->batch_size.Set(trajectories); }
void Metrics::set_connections(double count) { families_->connections.Set(count); }

void Metrics::http_answered(const std::string& route, const std::string& method, int status,
                            double seconds) {
  // Clients may invent methods.
  const bool usual = method == "GET" || method == "POST" || method == "HEAD";
  const std::string name = route.empty() ? "none" : route;
  families_->http_requests
      .Add({{"route", name},
            {"method", usual ? method : "other"},
            {"status", status == 0 ? "broken_off" : std::to_string(status)}})
      .Increment();
  families_->http_seconds.Add({{"route", name}}, kAnswerSeconds).Observe(seconds);
}

void Metrics::on_scrape(std::function<void(Metrics&)> sample) {
  const std::lock_guard lock(families_->mutex);
  families_->samples.push_back(std::move(sample));
}

std::string Metrics::text() {
  std::vector<std::function<void(Metrics&)>> samples;
  {
    const std::lock_guard lock(families_->mutex);
    samples = families_->samples;
  }
  for (const auto& sample : samples) sample(*this);
  std::vector<prometheus::MetricFamily> all = families_->registry.Collect();
  for (const ProcessNumber& number : process_numbers()) {
    prometheus::ClientMetric metric;
    (number.counter ? metric.counter.value : metric.gauge.value) = number.value;
    prometheus::MetricFamily family;
    family.name = number.name;
    family.help = number.help;
    family.type = number.counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
    family.metric = {metric};
    all.push_back(std::move(family));
  }
  const prometheus::TextSerializer serializer;
  return serializer.Serialize(all);
}

}  // namespace echo
