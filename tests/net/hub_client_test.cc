// One cache, two programs: ours and the hub's own JavaScript client.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file_io.h"
#include "fake_hub.h"
#include "net/curl_http_client.h"
#include "net/model_hub.h"
#include "support/child_process.h"
#include "support/paths.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

namespace fs = std::filesystem;

const char kFile[] = "pytorch_model.safetensors";

class NetHubClient : public testing::Test {
 protected:
  nlohmann::json client(const std::string& action) {
    return nlohmann::json::parse(
        run_program({"node", "--no-warnings", source_path("/tests/js/hub_cache.js"), action,
                     cache_, hub_.url(), FakeHub::kRepository, kFile}));
  }
  fs::path download() {
    HubOptions options;
    options.endpoint = hub_.url();
    options.cache = cache_;
    return ModelHub(options, *http_).download({FakeHub::kRepository, "main", {kFile}});
  }

  TempDir dir_;
  fs::path cache_ = dir_ / "hub";
  FakeHub hub_{{{kFile, {patterned(2'000'000), true}}}};
  std::unique_ptr<HttpClient> http_ = make_http_client();
};

TEST_F(NetHubClient, ReadsWhatWeLeave) {
  const fs::path snapshot = download();
  const auto found = client("scan");
  EXPECT_TRUE(found["warnings"].empty()) << found["warnings"];
  ASSERT_EQ(found["repos"].size(), 1u);
  EXPECT_EQ(found["repos"][0]["name"], FakeHub::kRepository);
  EXPECT_EQ(found["repos"][0]["type"], "model");
  const auto& revision = found["repos"][0]["revisions"][0];
  EXPECT_EQ(revision["commit"], FakeHub::kCommit);
  EXPECT_EQ(revision["refs"], nlohmann::json::array({"main"}));
  EXPECT_EQ(revision["files"][0]["path"], (snapshot / kFile).string());
  EXPECT_EQ(revision["files"][0]["size"], 2'000'000);
  EXPECT_EQ(revision["files"][0]["blob"], fs::canonical(snapshot / kFile).string());

  const auto sent = hub_.bytes_sent();
  EXPECT_EQ(client("download"), (snapshot / kFile).string());
  EXPECT_EQ(hub_.bytes_sent(), sent) << "it had nothing to download";
}

TEST_F(NetHubClient, LeavesWhatWeUse) {
  const fs::path theirs = client("download").get<std::string>();
  const auto sent = hub_.bytes_sent();
  EXPECT_GE(sent, 2'000'000u);
  EXPECT_EQ(download() / kFile, theirs);
  EXPECT_EQ(hub_.bytes_sent(), sent) << "we had nothing to download";
  EXPECT_EQ(read_file(theirs), patterned(2'000'000));
}

}  // namespace
}  // namespace echo
