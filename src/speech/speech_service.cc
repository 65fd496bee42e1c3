#include "speech/speech_service.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "audio/encode.h"
#include "audio/silence.h"
#include "base/error.h"
#include "base/utf8.h"
#include "speech/job_report.h"
#include "speech/progress_report.h"
#include "speech/public_text.h"
#include "speech/speech_metadata.h"

namespace echo {
namespace {

using Time = std::chrono::steady_clock::time_point;

constexpr std::chrono::minutes kCleanInterval{10};
// A shorter text is made of words that may stand in any message.
constexpr size_t kShortestHiddenText = 24;

const Json& member(const Json& object, const char* name) {
  static const Json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(name);
  return found == object.end() ? kNull : *found;
}

void add_once(std::vector<std::string>& list, const std::vector<std::string>& more) {
  for (const std::string& item : more) {
    if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(item);
  }
}

// Parameters at the ends of their ranges may do this to a device in perfect health.
void check_samples(std::span<const float> samples) {
  const size_t bad = find_non_finite(samples);
  if (!samples.empty() && bad == samples.size()) return;
  throw JobError(job_kind::kInternal, ErrorCode::kUnavailable,
                 samples.empty()
                     ? std::string("the audio has no samples")
                     : "sample " + std::to_string(bad) + " of " + std::to_string(samples.size()) +
                           " of the audio is not a finite number");
}

void throw_if_stopped(const SpeechContext& context) {
  if (context.stop.stop_requested() || (context.cancelled && context.cancelled())) {
    throw Error(ErrorCode::kCancelled, "the job was cancelled");
  }
}

// Every text in a document, at whatever depth.
void collect_strings(const Json& value, std::vector<std::string>& strings) {
  if (value.is_string()) strings.push_back(value.get<std::string>());
  if (value.is_structured()) {
    for (const Json& item : value) collect_strings(item, strings);
  }
}

// Clients send an object with nothing in it where they mean none.
bool says_something(const Json& config) {
  if (!config.is_object()) return !config.is_null();
  return std::any_of(config.begin(), config.end(),
                     [](const Json& value) { return !value.is_null() && value != ""; });
}

}  // namespace

SpeechService::SpeechService(SpeechServiceOptions options, SpeechServiceParts parts)
    : options_(std::move(options)), parts_(std::move(parts)), last_clean_(parts_.clock.now()) {
  if (directories_overlap(parts_.output.path(), parts_.voices.directory().path())) {
    throw_invalid(
        "the output directory and the voices directory overlap, expected two apart from each "
        "other: what is kept would be taken for voices");
  }
  parts_.output.clean();
}

std::vector<std::string> SpeechService::secrets_of(const Json& job) const {
  std::vector<std::string> secrets;
  for (const std::string& path : {parts_.voices.directory().path(), parts_.output.path()}) {
    // Every path loses its folders. To hide these ones in another way would tell whoever guesses
    // that the guess was right.
    if (!hides_directories(path)) secrets.push_back(path);
  }
  const Json& config = member(job, "s3Config");
  for (const char* name : {"accessId", "accessSecret"}) {
    collect_strings(member(config, name), secrets);
  }
  std::vector<std::string> texts;
  collect_strings(member(member(job, "input"), "text"), texts);
  for (std::string& text : texts) {
    if (text.size() >= kShortestHiddenText) secrets.push_back(std::move(text));
  }
  return secrets;
}

JobOutcome SpeechService::run(const Json& job, const SpeechContext& context) {
  std::vector<std::string> secrets;
  JobReport report;
  report.job_id = context.scope.job_id;
  report.timings.queue = context.queue_seconds;
  const Time start = parts_.clock.now();
  JobFailure failure;
  try {
    if (member(member(job, "input"), "action") == "health_check")
      return JobOutcome::success(health());
    secrets = secrets_of(job);
    Json result = do_job(job, context, secrets, report);
    finish(report, nullptr, context.scope);
    return JobResult{std::move(result), std::string(format_name(report.format))};
  } catch (...) {
    failure = failure_of(std::current_exception(), secrets);
  }
  report.kind = failure.kind;
  report.total_seconds =
      context.queue_seconds + std::chrono::duration<double>(parts_.clock.now() - start).count();
  finish(report, &failure, context.scope);
  return failure;
}

Json SpeechService::do_job(const Json& job, const SpeechContext& context,
                           std::span<const std::string> secrets, JobReport& report) {
  Time mark = parts_.clock.now();
  const auto lap = [&] {
    const Time before = std::exchange(mark, parts_.clock.now());
    return std::chrono::duration<double>(mark - before).count();
  };
  // Everything that can be refused is refused before there is work for the device.
  const JobInput input = parse_job_input(member(job, "input"), options_.limits);
  report.format = input.output.format;
  report.session_id = input.session_id;
  report.text_chars = count_code_points(input.text);
  report.seed = input.parameters.seed;
  report.input_warnings = input.warnings.size();
  std::unique_ptr<ObjectStore> job_store;
  ObjectStore* store = parts_.store;
  if (const Json& config = member(job, "s3Config"); says_something(config)) {
    if (!parts_.job_stores) throw_invalid("s3Config: jobs may not choose their storage here");
    job_store = parts_.job_stores(config);
    store = job_store.get();
  }
  if (!store) {
    throw JobError(job_kind::kStorageUnavailable, ErrorCode::kUnavailable,
                   "no storage is configured");
  }

  SpokenJob spoken = speak(input, context);
  const SpeechResult& speech = spoken.speech;
  report.timings = speech.timings;
  report.timings.queue += context.queue_seconds;
  report.timings.voice += spoken.voice_seconds;
  report.audio_seconds = speech.seconds();
  count_chunks(speech, report);
  report.voice_cache = speech.voice_cache;
  report.input_warnings = spoken.input_warnings;
  for (size_t i = spoken.input_warnings; i < speech.warnings.size(); ++i) {
    report.warnings.push_back(public_text(speech.warnings[i], secrets));
  }
  if (spoken.first_audio_seconds) {
    report.first_audio_seconds = context.queue_seconds + *spoken.first_audio_seconds;
  }
  report.total_seconds = context.queue_seconds + lap();

  const std::string bytes = encode_audio(speech.samples, input.output, kModelRate);
  report.encode_seconds = lap();
  report.bytes = bytes.size();
  throw_if_stopped(context);
  const auto upload = [&] {
    try {
      return deliver(*store, parts_.output, input.file_name(), bytes,
                     std::string(mime_type(input.output.format)), secrets, context.stop);
    } catch (...) {
      report.upload_seconds = lap();
      throw;
    }
  };
  const DeliveredAudio delivered = upload();
  report.upload_seconds = lap();
  report.total_seconds += report.encode_seconds + report.upload_seconds;
  Json result = {{"status", "completed"},
                 {"filename", input.file_name()},
                 {"url", delivered.url},
                 {"s3_key", delivered.key},
                 {"metadata", speech_metadata(input, speech, report, options_.model,
                                              options_.device, secrets)}};
  if (input.subtitles) result["subtitles"] = subtitles_of(speech.chunks, *input.subtitles);
  return result;
}

SpokenJob SpeechService::speak(const JobInput& input, const SpeechContext& context) {
  const Time start = parts_.clock.now();
  std::stop_source stop;
  const std::stop_callback forward(context.stop, [&stop] { stop.request_stop(); });
  ProgressReport progress(context.progress
                              ? [&](const std::string& text) { context.progress(text); }
                              : ProgressReport::Send(),
                          options_.progress_interval, parts_.clock);

  const auto voice_report = std::make_shared<VoiceReport>();
  SpeechRequest request{input.text, std::nullopt, input.parameters, input.plan};
  request.deadline = context.deadline;
  if (input.voice) {
    request.voice = parts_.voices.find(*input.voice, voice_report, stop.get_token());
  }
  throw_if_stopped(context);
  SpokenJob spoken;
  SpeechCallbacks callbacks;
  callbacks.progress = [&](const SpeechProgress& state) {
    if (context.cancelled && context.cancelled()) stop.request_stop();
    if (!stop.stop_requested()) progress.report(state);
  };
  SpeechStream stream = parts_.speak(std::move(request), std::move(callbacks));
  std::vector<float>& heard = spoken.speech.samples;
  while (const auto samples = stream.next(stop.get_token())) {
    if (!spoken.first_audio_seconds) {
      spoken.first_audio_seconds =
          std::chrono::duration<double>(parts_.clock.now() - start).count();
    }
    heard.insert(heard.end(), samples->begin(), samples->end());
  }
  static_cast<SpeechSummary&>(spoken.speech) = stream.finish();
  throw_if_stopped(context);
  spoken.voice_seconds = voice_report->seconds;
  std::vector<std::string> warnings = input.warnings;
  add_once(warnings, voice_report->warnings);
  spoken.input_warnings = warnings.size();
  add_once(warnings, spoken.speech.warnings);
  check_samples(spoken.speech.samples);
  spoken.speech.warnings = std::move(warnings);
  return spoken;
}

void SpeechService::finish(const JobReport& report, const JobFailure* failure,
                           const LogScope& scope) {
  try {
    if (failure && (failure->fatal || failure->kind == job_kind::kInternal ||
                    failure->kind == job_kind::kStorageUnavailable)) {
      // The other failures repeat what the client sent, and are for the client alone.
      parts_.logger.error("Job failed. | " + failure->message(), scope);
    }
    parts_.logger.info(report_line(report), scope);
    if (options_.finished) options_.finished(report);
    clean_sometimes();
  } catch (const std::exception&) {
    // The job has its result; what is told about it beside that must not take it away.
  }
}

void SpeechService::clean_sometimes() {
  {
    const std::scoped_lock lock(mutex_);
    const Time now = parts_.clock.now();
    if (now - last_clean_ < kCleanInterval) return;
    last_clean_ = now;
  }
  parts_.output.clean();
}

Json SpeechService::health() const {
  std::vector<HealthItem> items;
  try {
    if (options_.health) items = options_.health();
  } catch (const std::exception&) {
    items.push_back({"configuration", HealthStatus::kFail, "its checks broke off"});
  }
  const auto named = [&](const char* name) {
    return std::any_of(items.begin(), items.end(),
                       [&](const HealthItem& item) { return item.name == name; });
  };
  if (!named("configuration")) {
    items.push_back(
        {"configuration", HealthStatus::kPass,
         "texts of up to " + std::to_string(options_.limits.max_text_chars) + " characters"});
  }
  if (!named("model")) items.push_back({"model", HealthStatus::kPass, options_.model});
  if (!named("device")) items.push_back({"device", HealthStatus::kPass, options_.device});
  items.push_back(check_voices(parts_.voices.directory()));
  items.push_back(check_store(parts_.store, options_.storage_patience));
  items.push_back(check_directories(parts_.output));
  return health_report(items);
}

}  // namespace echo
