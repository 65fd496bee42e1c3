#include "speech/delivery.h"

#include "net/s3_store.h"
#include "speech/job_failure.h"
#include "speech/public_text.h"

namespace echo {
namespace {

constexpr size_t kLongestReason = 200;  // leaves room for the file's name in the whole message

// What became of the audio, for the end of a message.
std::string keep(OutputDirectory& fallback, const std::string& name, std::string_view bytes) {
  try {
    const std::string kept = fallback.save(name, bytes);
    return "; the audio is kept as " + in_quotes(kept, 256) + " in the worker's output directory";
  } catch (const Error& error) {
    return std::string("; the audio is lost: ") + error.what();
  }
}

}  // namespace

DeliveredAudio deliver(ObjectStore& store, OutputDirectory& fallback, const std::string& name,
                       std::string_view bytes, const std::string& content_type,
                       std::span<const std::string> secrets, std::stop_token stop) {
  std::string reason;
  try {
    store.put(name, bytes, content_type, stop);
    return {store.key(name), store.link(name)};
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kCancelled || stop.stop_requested()) {
      throw Error(ErrorCode::kCancelled, "the upload was cancelled");
    }
    reason = error.what();
  } catch (const std::exception&) {
    reason = "storage: unexpected failure";
  }
  throw JobError(job_kind::kStorageUnavailable, ErrorCode::kUnavailable,
                 public_text(reason, secrets, kLongestReason) + keep(fallback, name, bytes));
}

JobStoreFactory make_s3_job_stores(const S3Options& base, HttpClient& http, Clock& clock) {
  return [base, &http, &clock](const nlohmann::json& config) {
    return std::make_unique<S3Store>(s3_options_of_job(base, config), http, clock);
  };
}

}  // namespace echo
