// Spoken audio on its way to the client.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "net/http_client.h"
#include "net/object_store.h"
#include "net/s3_options.h"
#include "speech/output_directory.h"

namespace echo {

struct DeliveredAudio {
  std::string key;
  std::string url;
};

// Puts the file into the store and makes a link to it. When that fails for good, the bytes go to
// `fallback` under the same name, or one like it. Throws JobError storage_unavailable, saying why
// and under which name the audio was kept, if it was; kCancelled when `stop` is requested (then
// nothing is kept). `secrets` are hidden in the message.
DeliveredAudio deliver(ObjectStore& store, OutputDirectory& fallback, const std::string& name,
                       std::string_view bytes, const std::string& content_type,
                       std::span<const std::string> secrets, std::stop_token stop);

// Makes the store that a job's own "s3Config" asks for. Throws kInvalidArgument, naming the field.
using JobStoreFactory = std::function<std::unique_ptr<ObjectStore>(const nlohmann::json& config)>;

// Buckets as in s3_options_of_job(); `base` gives times and retries. `http` and `clock` must
// outlive the factory and its stores.
JobStoreFactory make_s3_job_stores(const S3Options& base, HttpClient& http,
                                   Clock& clock = real_clock());

}  // namespace echo
