#include "doctor/service_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/curl_http_client.h"
#include "support/fake_clock.h"
#include "support/fake_platform.h"
#include "support/http_peer.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kToken = "hf_canary_token";
constexpr const char* kSecret = "canary-secret";

// An address where nobody listens.
std::string nobody() {
  const HttpPeer gone([](const PeerRequest&) { return PeerReply{}; });
  return gone.url();
}

class ServiceChecks : public ::testing::Test {
 protected:
  std::unique_ptr<HttpClient> http_ = make_http_client();
  FakeClock clock_{std::chrono::system_clock::from_time_t(1'700'000'000)};  // 14 Nov 2023 22:13:20
  TempDir dir_;
};

// ---- The hub ----

class HubChecks : public ServiceChecks {
 protected:
  Finding check(bool needed, const std::string& endpoint) {
    HubOptions options;
    options.endpoint = endpoint;
    options.token = kToken;
    options.cache = dir_.path();
    options.offline = offline_;
    options.retry.first_delay = milliseconds(1);
    return check_hub_access(options, {"org/model", "main", {"a", "b"}}, needed, *http_, clock_, {});
  }
  static PeerReply gives(const PeerRequest& request) {
    if (request.header("Authorization") != std::string("Bearer ") + kToken) return {401};
    return {200,
            {{"X-Repo-Commit", "0123456789abcdef0123456789abcdef01234567"},
             {"ETag", "\"aabb\""},
             {"Content-Length", "5"}}};
  }
  bool offline_ = false;
};

TEST_F(HubChecks, EveryFileIsAskedForAndNoneFetched) {
  const HttpPeer hub(gives);
  const Finding finding = check(true, hub.url());
  EXPECT_EQ(finding.verdict, Verdict::kPass) << finding.detail;
  EXPECT_THAT(finding.detail, HasSubstr("0123456789ab"));
  EXPECT_THAT(finding.detail, Not(HasSubstr(kToken)));
  ASSERT_EQ(hub.requests().size(), 2u);
  for (const PeerRequest& request : hub.requests()) EXPECT_EQ(request.method, "HEAD");
}

TEST_F(HubChecks, TroubleMattersWhenTheFilesAreNeeded) {
  const HttpPeer hub([](const PeerRequest&) { return PeerReply{403}; });
  const Finding needed = check(true, hub.url());
  EXPECT_EQ(needed.verdict, Verdict::kFail);
  EXPECT_THAT(needed.detail, HasSubstr("lacks access"));
  EXPECT_THAT(needed.detail, HasSubstr("org/model"));
  EXPECT_THAT(needed.detail, Not(HasSubstr(kToken)));
  EXPECT_THAT(needed.remedy, HasSubstr("HF_TOKEN"));
  EXPECT_EQ(check(false, hub.url()).verdict, Verdict::kWarn);
  EXPECT_EQ(check(true, nobody()).verdict, Verdict::kFail);
}

TEST_F(HubChecks, OfflineTheHubIsNotAsked) {
  offline_ = true;
  const HttpPeer hub(gives);
  EXPECT_EQ(check(true, hub.url()).verdict, Verdict::kFail);
  EXPECT_EQ(check(false, hub.url()).verdict, Verdict::kPass);
  EXPECT_TRUE(hub.requests().empty());
}

// ---- The bucket ----

S3Options bucket_at(const std::string& url) {
  S3Options options;
  options.endpoint_url = url;
  options.access_key_id = "AKIDEXAMPLE";
  options.secret_access_key = kSecret;
  options.bucket = "tts";
  options.retry.first_delay = milliseconds(1);
  return options;
}

TEST_F(ServiceChecks, ABucketGetsAProbeAndLosesItAgain) {
  std::string kept;
  std::mutex mutex;
  const HttpPeer server([&](const PeerRequest& request) -> PeerReply {
    const std::lock_guard lock(mutex);
    if (request.method == "PUT") {
      kept = request.body;
      return {200, {{"ETag", "\"x\""}}};
    }
    if (request.method == "DELETE") {
      kept.clear();
      return {204};
    }
    if (kept.empty()) return {404};
    return {200, {}, request.method == "GET" ? kept : ""};
  });
  const Finding good = check_bucket(bucket_at(server.url()), true, *http_, clock_);
  EXPECT_EQ(good.verdict, Verdict::kPass) << good.detail;
  EXPECT_TRUE(kept.empty());
}

TEST_F(ServiceChecks, ABucketThatRefusesNamesTheStep) {
  const HttpPeer server([](const PeerRequest&) { return PeerReply{403}; });
  const Finding refused = check_bucket(bucket_at(server.url()), true, *http_, clock_);
  EXPECT_EQ(refused.verdict, Verdict::kFail);
  EXPECT_THAT(refused.detail, HasSubstr("put"));
  EXPECT_THAT(refused.detail, Not(HasSubstr(kSecret)));
  EXPECT_EQ(check_bucket(bucket_at(nobody()), true, *http_, clock_).verdict, Verdict::kFail);
}

TEST_F(ServiceChecks, ABucketThatIsNotSetUpMattersOnThePlatform) {
  const Finding missing = check_bucket({}, true, *http_, clock_);
  EXPECT_EQ(missing.verdict, Verdict::kFail);
  EXPECT_THAT(missing.detail, HasSubstr("S3_ENDPOINT_URL"));
  EXPECT_EQ(check_bucket({}, false, *http_, clock_).verdict, Verdict::kWarn);
}

// ---- The platform ----

runpod::WorkerOptions options_of(const FakePlatform& platform) {
  const auto environment = platform.environment();
  std::vector<std::string> warnings;
  return runpod::worker_options_from(
      [&](const std::string& name) -> std::optional<std::string> {
        const auto found = environment.find(name);
        return found == environment.end() ? std::nullopt : std::optional(found->second);
      },
      &warnings);
}

TEST_F(ServiceChecks, ThePlatformMustAnswerAndLosesNoJob) {
  FakePlatform platform;
  platform.add_job("job-1", {{"text", "Hello."}});
  const Finding good = check_platform(options_of(platform), true, *http_, {});
  EXPECT_EQ(good.verdict, Verdict::kPass) << good.detail;
  EXPECT_EQ(platform.queued(), 1u);
  EXPECT_TRUE(platform.requests(PlatformRoute::kTake).empty());
}

TEST_F(ServiceChecks, BrokenPlatformUrlsAreNamed) {
  runpod::WorkerOptions options = options_of(FakePlatform());
  options.output_url = "not a url";
  const Finding broken = check_platform(options, true, *http_, {});
  EXPECT_EQ(broken.verdict, Verdict::kFail);
  EXPECT_THAT(broken.detail, HasSubstr("RUNPOD_WEBHOOK_POST_OUTPUT"));
  const runpod::WorkerOptions gone = options_of(FakePlatform());
  EXPECT_EQ(check_platform(gone, true, *http_, {}).verdict, Verdict::kFail)
      << "nobody listens there any more";
  EXPECT_EQ(check_platform({}, false, *http_, {}).verdict, Verdict::kPass);
}

// ---- The clock ----

TEST_F(ServiceChecks, TheClockIsComparedWithTheFirstServerThatAnswers) {
  const HttpPeer server([](const PeerRequest&) {
    return PeerReply{403, {{"Date", "Tue, 14 Nov 2023 22:13:20 GMT"}}};
  });
  const std::vector<std::string> urls{"", nobody(), server.url("/bucket?key=canary")};
  const auto check = [&] { return check_clock(urls, *http_, clock_, {}); };
  EXPECT_EQ(check().verdict, Verdict::kPass);
  EXPECT_THAT(check().detail, HasSubstr("agrees"));
  EXPECT_THAT(check().detail, Not(HasSubstr("canary")));
  clock_.advance(seconds(90));
  EXPECT_EQ(check().verdict, Verdict::kWarn);
  EXPECT_THAT(check().detail, HasSubstr("90 s ahead"));
  clock_.advance(-seconds(900));
  EXPECT_EQ(check().verdict, Verdict::kFail);
  EXPECT_THAT(check().detail, HasSubstr("810 s behind"));
}

TEST_F(ServiceChecks, WithoutAServerTheClockCannotBeJudged) {
  const HttpPeer server([](const PeerRequest&) { return PeerReply{200, {{"Date", "yesterday"}}}; });
  EXPECT_EQ(check_clock({server.url(), nobody()}, *http_, clock_, {}).verdict, Verdict::kWarn);
  EXPECT_EQ(check_clock({}, *http_, clock_, {}).verdict, Verdict::kWarn);
}

}  // namespace
}  // namespace echo
