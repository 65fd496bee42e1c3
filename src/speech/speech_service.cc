#include "speech/speech_service.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/json_member.h"
#include "speech/job_secrets.h"
#include "speech/progress_report.h"
#include "speech/stored_job.h"

namespace echo {
namespace {

using Time = std::chrono::steady_clock::time_point;

constexpr std::chrono::minutes kCleanInterval{10};

}  // namespace

SpeechService::SpeechService(SpeechServiceOptions options, SpeechServiceParts parts)
    : options_(std::move(options)),
      parts_(std::move(parts)),
      maker_(parts_.speak, parts_.voices, parts_.clock),
      reports_(parts_.logger, options_.finished),
      directories_{parts_.voices.directory().path(), parts_.output.path()},
      last_clean_(parts_.clock.now()) {
  if (directories_overlap(parts_.output.path(), parts_.voices.directory().path())) {
    throw_invalid(
        "the output directory and the voices directory overlap, expected two apart from each "
        "other: what is kept would be taken for voices");
  }
  parts_.output.clean();
}

JobOutcome SpeechService::run(const Json& job, const SpeechContext& context) {
  std::vector<std::string> secrets;
  JobReport report;
  report.job_id = context.scope.job_id;
  report.timings.queue = context.queue_seconds;
  const Time start = parts_.clock.now();
  JobFailure failure;
  try {
    if (member_or_null(member_or_null(job, "input"), "action") == "health_check")
      return JobOutcome::success(health());
    secrets = secrets_of_job(job, directories_);
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
  // Everything that can be refused is refused before there is work for the device.
  const JobInput input = parse_job_input(member_or_null(job, "input"), options_.limits);
  SpeechMaker::begin_report(input, report);
  std::unique_ptr<ObjectStore> own;
  ObjectStore& store =
      store_for(member_or_null(job, "s3Config"), {parts_.store, parts_.job_stores}, own);
  ProgressReport progress(context.progress
                              ? [&](const std::string& text) { context.progress(text); }
                              : ProgressReport::Send(),
                          options_.progress_interval, parts_.clock);
  SpeechHooks hooks;
  hooks.progress = [&](const SpeechProgress& state) { progress.report(state); };
  hooks.step = context.step;
  hooks.stop = context.stop;
  hooks.queue_seconds = context.queue_seconds;
  hooks.deadline = context.deadline;
  return run_stored_job(input, maker_, hooks, store, parts_.output,
                        {options_.model, options_.device}, secrets, report, parts_.clock);
}

void SpeechService::finish(const JobReport& report, const JobFailure* failure,
                           const LogScope& scope) {
  try {
    if (failure && (failure->fatal || failure->kind == job_kind::kInternal ||
                    failure->kind == job_kind::kStorageUnavailable)) {
      // The other failures repeat what the client sent, and are for the client alone.
      parts_.logger.error("Job failed. | " + failure->message(), scope);
    }
    reports_.tell(report, scope);
    clean_sometimes();
  } catch (const std::exception&) {
    // The job has its result; what is done beside that must not take it away.
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
