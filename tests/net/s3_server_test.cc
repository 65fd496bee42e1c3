// The store against servers and clients that others wrote.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "net/curl_http_client.h"
#include "net/s3_store.h"
#include "net/storage_check.h"
#include "s3_conversation.h"
#include "s3_test_options.h"
#include "support/child_process.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

const std::string kScripts = ECHO_SOURCE_DIR "/tests/js/";

const char* const kHardKeys[] = {
    "plain.ogg",          "sp ace.ogg",         "ünïcode/日本.ogg", "a+b=c&d~e(f)'g!h*i.ogg",
    "percent%2Fsign.ogg", "deep/er/and/er.ogg", "q?mark#hash.ogg",  "back\\slash \"quote\".ogg",
};

TEST(NetS3rver, TheStoreWorks) {
  TempDir dir;
  ChildProcess server({"node", kScripts + "s3_server.js", dir.path(), "tts"});
  const auto port = server.read_line(std::chrono::seconds(60));
  ASSERT_TRUE(port) << "the server did not start; run scripts/test-clients";
  S3Options options = test_s3_options("http://127.0.0.1:" + *port);
  options.access_key_id = "S3RVER";
  options.secret_access_key = "S3RVER";
  converse_with_s3(options);
}

TEST(NetS3Presigner, LinksAreTheSameByteForByte) {
  struct Place {
    const char* endpoint;
    const char* region;
    bool path_style;
    const char* token;
  };
  const Place places[] = {
      {"http://127.0.0.1:9000", "us-east-1", true, ""},
      {"https://s3.example.com", "eu-central-1", true, "to/k+e=n"},
      {"https://s3.eu-west-1.amazonaws.com", "eu-west-1", false, ""},
      {"https://host.example:8443/base/path", "us-east-1", true, ""},
  };
  FakeClock clock(std::chrono::system_clock::time_point(std::chrono::seconds(1779624000)));
  const auto http = make_http_client();
  nlohmann::json items = nlohmann::json::array();
  std::vector<std::string> ours;
  for (const Place& place : places) {
    for (const char* key : kHardKeys) {
      S3Options options = test_s3_options(place.endpoint);
      options.region = place.region;
      options.session_token = place.token;
      options.addressing = place.path_style ? S3Addressing::kPath : S3Addressing::kVirtual;
      ours.push_back(S3Store(options, *http, clock).link(key, std::chrono::seconds(1234)));
      items.push_back({{"endpoint", place.endpoint},
                       {"region", place.region},
                       {"pathStyle", place.path_style},
                       {"bucket", options.bucket},
                       {"key", key},
                       {"keyId", options.access_key_id},
                       {"secret", options.secret_access_key},
                       {"date", "2026-05-24T12:00:00Z"},
                       {"ttl", 1234}});
      if (*place.token) items.back()["token"] = place.token;
    }
  }
  const auto theirs = nlohmann::json::parse(
      run_program({"node", "--no-warnings", kScripts + "presign.js", items.dump()}));
  ASSERT_EQ(theirs.size(), ours.size());
  for (std::size_t i = 0; i < ours.size(); ++i) EXPECT_EQ(ours[i], theirs[i].get<std::string>());
}

}  // namespace
}  // namespace echo
