// The store against servers and clients that others wrote.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "base/error.h"
#include "net/curl_http_client.h"
#include "net/s3_store.h"
#include "net/storage_check.h"
#include "s3_conversation.h"
#include "s3_test_options.h"
#include "support/child_process.h"
#include "support/fake_clock.h"
#include "support/paths.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

const std::string kScripts = source_path("/tests/js/");

const char* const kHardKeys[] = {
    "plain.ogg",          "sp ace.ogg",         "ünïcode/日本.ogg", "a+b=c&d~e(f)'g!h*i.ogg",
    "percent%2Fsign.ogg", "deep/er/and/er.ogg", "q?mark#hash.ogg",  "back\\slash \"quote\".ogg",
};

TEST(NetS3rver, TheStoreWorks) {
  TempDir dir;
  ChildProcess server({"node", kScripts + "s3_server.js", dir.path(), "tts"});
  const auto port = server.read_line(std::chrono::minutes(4));
  ASSERT_TRUE(port) << "the server did not start; run scripts/test-clients";
  S3Options options = test_s3_options("http://127.0.0.1:" + *port);
  options.access_key_id = "S3RVER";
  options.secret_access_key = "S3RVER";
  converse_with_s3(options);
}

// The first of so many neighbouring free ports.
int free_ports(int count) {
  for (int base = 20000 + static_cast<unsigned char>(random_bytes(1)[0]) * 40;; base += count) {
    int taken = 0;
    for (int port = base; port < base + count; ++port) {
      const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      address.sin_port = htons(static_cast<std::uint16_t>(port));
      taken += ::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0;
      ::close(socket);
    }
    if (taken == 0) return base;
  }
}

void converse_with_server(const std::string& script, const std::string& access_key,
                          const std::string& secret_key, const S3Abilities& abilities) {
  TempDir dir;
  const std::string port = std::to_string(free_ports(5));
  ChildProcess server(
      {source_path("/tests/s3/") + script, dir / "data", port, access_key, secret_key});
  const auto line = server.read_line(std::chrono::minutes(4));
  ASSERT_EQ(line.value_or("nothing was printed"), "ready");
  S3Options options = test_s3_options("http://127.0.0.1:" + port);
  options.access_key_id = access_key;
  options.secret_access_key = secret_key;
  const auto http = make_http_client();
  S3Client(options, *http, real_clock()).send({.method = "PUT"});
  converse_with_s3(options, abilities);
}

TEST(SlowS3Swift, TheStoreWorks) {
  converse_with_server("swift", "test:tester", "testing", {.checks_region = true});
}

TEST(SlowS3Ceph, TheStoreWorks) {
  converse_with_server("ceph", "CEPHTESTKEY", "ceph/test+secret", {.lifecycle = true});
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
