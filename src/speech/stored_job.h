// A job whose audio goes into an object store, as a whole file: spoken, encoded, delivered.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/json.h"
#include "base/log.h"
#include "speech/delivery.h"
#include "speech/job_input.h"
#include "speech/job_report.h"
#include "speech/speech_maker.h"
#include "speech/speech_metadata.h"

namespace echo {

// Where results may go. What it names outlives it.
struct ResultStores {
  ObjectStore* usual = nullptr;    // null: only jobs with an s3Config of their own have a store
  JobStoreFactory of_jobs = {};    // empty: no job may have one
};

// Returns the store for a job with this "s3Config", which may be null or say nothing; `own` keeps
// it when it is the job's own. Throws kInvalidArgument for a config that cannot be; JobError
// storage_unavailable where there is no store at all.
ObjectStore& store_for(const Json& s3_config, const ResultStores& stores,
                       std::unique_ptr<ObjectStore>& own);

// Speaks the input, without holding its samples nor, when it is long, its bytes, then delivers it
// (hooks.sink is not asked). Returns the result's document: {"status", "filename", "url", "s3_key",
// "metadata", "subtitles"?}. Fills in `report`, also as far as it came when it throws: Error.
Json run_stored_job(const JobInput& input, const SpeechMaker& maker, SpeechHooks hooks,
                    ObjectStore& store, OutputDirectory& fallback, const SpeechSource& source,
                    std::span<const std::string> secrets, JobReport& report, Clock& clock);

}  // namespace echo
