#include "speech/stored_job.h"

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "speech/job_failure.h"
#include "speech/public_text.h"
#include "speech/whole_audio.h"

namespace echo {
namespace {

// Clients send an object with nothing in it where they mean none.
bool says_something(const Json& config) {
  if (!config.is_object()) return !config.is_null();
  return std::any_of(config.begin(), config.end(),
                     [](const Json& value) { return !value.is_null() && value != ""; });
}

}  // namespace

ObjectStore& store_for(const Json& s3_config, const ResultStores& stores,
                       std::unique_ptr<ObjectStore>& own) {
  if (says_something(s3_config)) {
    if (!stores.of_jobs) throw_invalid("s3Config: jobs may not choose their storage here");
    own = stores.of_jobs(s3_config);
    return *own;
  }
  if (stores.usual != nullptr) return *stores.usual;
  throw JobError(job_kind::kStorageUnavailable, ErrorCode::kUnavailable,
                 "no storage is configured");
}

Json run_stored_job(const JobInput& input, const SpeechMaker& maker, SpeechHooks hooks,
                    ObjectStore& store, OutputDirectory& fallback, const SpeechSource& source,
                    std::span<const std::string> secrets, JobReport& report, Clock& clock) {
  const auto begin = clock.now();
  const auto seconds = [&] {
    return std::chrono::duration<double>(clock.now() - begin).count();
  };
  WholeAudio file(input);
  SpokenAudioOptions audio;
  audio.encoding = input.output;
  file.receive(audio);
  hooks.sink = file.sink();
  const SpeechSummary speech = maker.make(input, audio, hooks, report);
  report.underrun_seconds.reset();  // nobody listened
  for (size_t i = report.input_warnings; i < speech.warnings.size(); ++i) {
    report.warnings.push_back(public_text(speech.warnings[i], secrets));
  }

  const double spoken = seconds();
  const auto upload = [&] {
    try {
      return deliver(store, fallback, input.file_name(), file.bytes(),
                     std::string(mime_type(input.output.format)), secrets, hooks.stop);
    } catch (...) {
      report.upload_seconds = seconds() - spoken;
      throw;
    }
  };
  const DeliveredAudio delivered = upload();
  report.upload_seconds = seconds() - spoken;
  report.total_seconds = hooks.queue_seconds + seconds();
  Json result = {{"status", "completed"},
                 {"filename", input.file_name()},
                 {"url", delivered.url},
                 {"s3_key", delivered.key},
                 {"metadata", speech_metadata(input, speech, report, source, secrets)}};
  if (input.subtitles) result["subtitles"] = subtitles_of(speech.chunks, *input.subtitles);
  return result;
}

}  // namespace echo
