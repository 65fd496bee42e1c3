#include "doctor/service_checks.h"

#include <time.h>

#include <cstdlib>
#include <optional>

#include "base/error.h"
#include "net/s3_store.h"
#include "net/storage_check.h"
#include "net/url.h"

namespace echo {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kPatience{10'000};
constexpr seconds kNoticeableSkew{60};
constexpr seconds kFatalSkew{600};  // signatures are refused at 900

HttpRequest quick_request(const std::string& url, std::stop_token stop) {
  HttpRequest request;
  request.method = "HEAD";
  request.url = url;
  request.headers = {{"User-Agent", "echo-tts"}};
  request.timeouts.connect = kPatience;
  request.timeouts.total = kPatience;
  request.max_redirects = 0;
  request.stop = std::move(stop);
  return request;
}

// Without path and query, which may hold keys.
std::string origin_of(const std::string& url) { return parse_url(url).origin(); }

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::optional<std::chrono::system_clock::time_point> parse_date(const std::string& text) {
  tm fields{};
  const char* end = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &fields);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return std::chrono::system_clock::from_time_t(::timegm(&fields));
}

}  // namespace

Finding check_hub_access(const HubOptions& options, const HubRepository& repository, bool needed,
                         HttpClient& http, Clock& clock, std::stop_token stop) {
  const std::string token = options.token.empty() ? "no token" : "token set";
  if (options.offline) {
    return needed
               ? Finding{Verdict::kFail,
                         repository.name + ": not on the disk, and HF_HUB_OFFLINE is set",
                         "unset HF_HUB_OFFLINE or put the files into the cache"}
               : Finding{Verdict::kPass, repository.name + ": on the disk; the hub is not asked"};
  }
  HubOptions quick = options;
  quick.retry.max_attempts = 2;
  quick.download_timeout = std::min(quick.download_timeout, kPatience);
  try {
    const std::string commit = ModelHub(quick, http, clock).check_access(repository, stop);
    return {Verdict::kPass, repository.name + ": can be fetched from " + options.endpoint + " (" +
                                token + "), commit " + commit.substr(0, 12)};
  } catch (const Error& error) {
    return {needed ? Verdict::kFail : Verdict::kWarn,
            std::string(error.what()) + " (" + token + ")" +
                (needed ? "" : "; the files are on the disk, so it matters for a new worker only"),
            "set HF_TOKEN to a token that may read the repository, accept its conditions on the "
            "hub's page, and let the container reach " +
                options.endpoint};
  }
}

Finding check_bucket(const S3Options& options, bool on_platform, HttpClient& http, Clock& clock) {
  const std::vector<std::string> problems = s3_problems(options);
  if (!problems.empty()) {
    std::string detail;
    for (const std::string& problem : problems) detail += (detail.empty() ? "" : "; ") + problem;
    return {on_platform ? Verdict::kFail : Verdict::kWarn, detail,
            "set the S3_* variables of the endpoint; away from the platform results go to a "
            "folder without them"};
  }
  S3Options quick = options;
  quick.retry.max_attempts = 2;
  quick.retry.total = kPatience;
  quick.attempt_timeout = std::min(quick.attempt_timeout, kPatience);
  S3Store store(quick, http, clock);
  std::string done;
  for (const CheckStep& step : check_storage(store, clock)) {
    if (step.status == CheckStep::Status::kFail) {
      return {Verdict::kFail, store.describe() + ": " + step.name + ": " + step.detail,
              "check the S3_* variables, the key's rights (put, get, delete) and the bucket's "
              "name and region"};
    }
    done += (done.empty() ? "" : ", ") + step.name;
  }
  return {Verdict::kPass, store.describe() + ": " + done};
}

Finding check_platform(const runpod::WorkerOptions& options, bool on_platform, HttpClient& http,
                       std::stop_token stop) {
  if (!on_platform) {
    return {Verdict::kPass, "not on the platform: RUNPOD_WEBHOOK_GET_JOB is not set"};
  }
  const std::string remedy =
      "these variables are the platform's: do not set or override RUNPOD_WEBHOOK_* in the "
      "template, and let the container reach the hosts they name";
  try {
    runpod::check_worker_options(options);
  } catch (const Error& error) {
    return {Verdict::kFail, error.what(), remedy};
  }
  std::string reached;
  for (const std::string& url : {options.take_url, options.output_url, options.ping_url}) {
    if (url.empty()) continue;
    const std::string origin = origin_of(url);
    if (reached.find(origin) != std::string::npos) continue;
    // Any answer will do: the paths themselves would take a job.
    const HttpResponse response = http.perform(quick_request(origin + "/", stop));
    if (response.error != TransportError::kNone) {
      return {Verdict::kFail,
              origin + ": " + std::string(transport_error_name(response.error)) + " (" +
                  response.error_text + ")",
              remedy};
    }
    reached += (reached.empty() ? "" : ", ") + origin;
  }
  if (options.ping_url.empty()) {
    return {Verdict::kWarn, reached + " answers; RUNPOD_WEBHOOK_PING is not set", remedy};
  }
  return {Verdict::kPass, reached + " answers"};
}

Finding check_clock(const std::vector<std::string>& urls, HttpClient& http, Clock& clock,
                    std::stop_token stop) {
  for (const std::string& url : urls) {
    if (url.empty()) continue;
    const std::string origin = origin_of(url);
    const HttpResponse response = http.perform(quick_request(origin + "/", stop));
    const auto header = response.header("Date");
    const auto theirs = header ? parse_date(std::string(*header)) : std::nullopt;
    if (!theirs) continue;
    const auto skew = std::chrono::duration_cast<seconds>(clock.wall_now() - *theirs);
    const auto size = std::chrono::abs(skew);
    const std::string detail = size <= seconds(1)
                                   ? "agrees with " + origin
                                   : std::to_string(size.count()) + " s " +
                                         (skew > seconds(0) ? "ahead of " : "behind ") + origin;
    if (size < kNoticeableSkew) return {Verdict::kPass, detail};
    return {size < kFatalSkew ? Verdict::kWarn : Verdict::kFail, detail,
            "the host's clock is wrong: let the worker be replaced, and report the host; signed "
            "requests are refused when it is 15 minutes off"};
  }
  return {Verdict::kWarn, "no server told its time", "check the network"};
}

}  // namespace echo
