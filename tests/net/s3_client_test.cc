// The store and AWS's own Python client on one bucket.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "net/curl_http_client.h"
#include "net/s3_store.h"
#include "s3_test_options.h"
#include "support/child_process.h"
#include "support/client_python.h"
#include "support/paths.h"
#include "support/subprocess.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

const char* const kNames[] = {
    "plain.ogg", "sp ace+plus=eq&amp~(x)'!.ogg", "ünïcode/日本.ogg", "percent%2F.ogg", "empty.ogg",
};

TEST(NetBoto3, ReadsWhatTheStoreWritesAndTheStoreWhatItWrites) {
  const auto python = client_python();
  if (!python) GTEST_SKIP() << kNoClientPython;
  TempDir dir;
  ChildProcess server({"node", source_path("/tests/js/s3_server.js"), dir.path().string(), "tts"});
  const auto port = server.read_line(std::chrono::minutes(4));
  ASSERT_TRUE(port) << "the server did not start; run scripts/test-clients";
  S3Options options = test_s3_options("http://127.0.0.1:" + *port);
  options.access_key_id = "S3RVER";
  options.secret_access_key = "S3RVER";
  options.key_prefix = "results of today";
  const auto http = make_http_client();
  S3Store store(options, *http);

  nlohmann::json objects = nlohmann::json::array();
  for (const std::string name : kNames) {
    const std::string data = name == "empty.ogg" ? "" : random_bytes(200'000);
    store.put(name, data, "audio/ogg; codecs=opus");
    objects.push_back({{"name", name},
                       {"sha256", hex(digest(DigestKind::kSha256, data))},
                       {"type", "audio/ogg; codecs=opus"},
                       {"link", store.link(name)}});
  }
  ProcessOptions input;
  input.input = objects.dump();
  const ProcessResult client =
      run_process({*python, source_path("/tests/python/s3_client.py"), options.endpoint_url, "tts",
                   store.key_prefix(), "S3RVER", "S3RVER"},
                  input);
  ASSERT_EQ(client.exit_code, 0) << client.err;
  const auto found = nlohmann::json::parse(client.out);

  EXPECT_EQ(found["listed"].size(), std::size(kNames)) << found["listed"];
  EXPECT_EQ(found["differing"], nlohmann::json::array());
  for (const std::string name : kNames) {
    EXPECT_EQ(store.read_link(found["links"][name]), store.get(name)) << name;
  }
  for (const auto& [name, content] : found["put"].items()) {
    EXPECT_EQ(store.get(name), content.get<std::string>()) << name;
    EXPECT_EQ(store.head(name)->content_type, "audio/ogg; codecs=opus") << name;
  }
}

}  // namespace
}  // namespace echo
