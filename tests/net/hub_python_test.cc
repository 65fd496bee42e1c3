// One cache, two programs: ours and the hub's own Python client.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/file_io.h"
#include "fake_hub.h"
#include "net/curl_http_client.h"
#include "net/model_hub.h"
#include "support/child_process.h"
#include "support/client_python.h"
#include "support/paths.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const char kModelFile[] = "pytorch_model.safetensors";
constexpr std::size_t kModelSize = 2'000'000;

class NetHubPython : public testing::Test {
 protected:
  void SetUp() override {
    if (!client_python()) GTEST_SKIP() << kNoClientPython;
  }

  std::vector<std::string> command(const std::vector<std::string>& arguments) const {
    std::vector<std::string> all = {*client_python(), source_path("/tests/python/hub_client.py")};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }
  std::vector<std::string> environment(const std::string& endpoint,
                                       const std::string& xet_off = "1") const {
    return {"HF_HOME=" + (dir_ / "home").string(), "HF_ENDPOINT=" + endpoint,
            "HF_HUB_DISABLE_XET=" + xet_off, "HF_HUB_DISABLE_PROGRESS_BARS=1",
            "HF_HUB_DISABLE_TELEMETRY=1"};
  }
  json client(const std::vector<std::string>& arguments,
              const std::vector<std::string>& variables) {
    return json::parse(run_program(command(arguments), variables));
  }
  json client(const std::vector<std::string>& arguments) {
    return client(arguments, environment(hub_.url()));
  }
  std::vector<std::string> download_arguments() const {
    return {"download", cache_, FakeHub::kRepository, kModelFile};
  }
  fs::path download(const ModelHub::Progress& progress = {}) { return download(hub_, progress); }
  fs::path download(const FakeHub& hub, const ModelHub::Progress& progress = {}) {
    HubOptions options;
    options.endpoint = hub.url();
    options.cache = cache_;
    return ModelHub(options, *http_)
        .download({FakeHub::kRepository, "main", {kModelFile}}, progress);
  }
  fs::path blobs() const { return cache_ / "models--Org--model.x/blobs"; }

  // The content is held back until open_gate().
  void close_gate() {
    hub_.set_content_fault([this](const PeerRequest&, PeerReply&) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return open_; });
    });
  }
  void open_gate() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

  TempDir dir_;
  fs::path cache_ = dir_ / "hub";
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  FakeHub hub_{{{kModelFile, {patterned(kModelSize), true}}}};
  std::unique_ptr<HttpClient> http_ = make_http_client();
};

TEST_F(NetHubPython, FindsWhatWeLeave) {
  const fs::path snapshot = download();
  EXPECT_EQ(client({"local", cache_, FakeHub::kRepository}), snapshot.string());
  const json found = client({"scan", cache_});
  EXPECT_EQ(found["warnings"], json::array());
  ASSERT_EQ(found["repos"].size(), 1u);
  EXPECT_EQ(found["repos"][0]["name"], FakeHub::kRepository);
  EXPECT_EQ(found["repos"][0]["type"], "model");
  const json& revision = found["repos"][0]["revisions"][0];
  EXPECT_EQ(revision["commit"], FakeHub::kCommit);
  EXPECT_EQ(revision["refs"], json::array({"main"}));
  ASSERT_EQ(revision["files"].size(), 1u);
  EXPECT_EQ(revision["files"][0]["path"], (snapshot / kModelFile).string());
  EXPECT_EQ(revision["files"][0]["blob"], fs::canonical(snapshot / kModelFile).string());
  EXPECT_EQ(revision["files"][0]["size"], kModelSize);

  const auto sent = hub_.bytes_sent();
  EXPECT_EQ(client(download_arguments()), (snapshot / kModelFile).string());
  EXPECT_EQ(hub_.bytes_sent(), sent) << "it had nothing to download";
}

TEST_F(NetHubPython, LeavesWhatWeUse) {
  for (const char* xet_off : {"0", "1"}) {
    fs::remove_all(cache_);
    const fs::path theirs =
        client(download_arguments(), environment(hub_.url(), xet_off)).get<std::string>();
    const auto sent = hub_.bytes_sent();
    EXPECT_EQ(download() / kModelFile, theirs);
    EXPECT_EQ(hub_.bytes_sent(), sent) << "we had nothing to download";
    EXPECT_EQ(read_file(theirs), patterned(kModelSize));
  }
}

TEST_F(NetHubPython, LeavesWhatWeUseFromAMirror) {
  FakeHub mirror{{{kModelFile, {patterned(kModelSize), true}}}};
  mirror.renamed = true;
  const fs::path theirs =
      client(download_arguments(), environment(mirror.url())).get<std::string>();
  EXPECT_EQ(download() / kModelFile, theirs);
  EXPECT_EQ(hub_.bytes_sent(), 0u) << "we had nothing to download";
}

TEST_F(NetHubPython, KilledHalfWayLeavesWhatWeFinish) {
  // It writes ten megabytes at a time.
  const std::string content = patterned(24'000'000);
  FakeHub hub{{{kModelFile, {content, true}}}};
  std::atomic<bool> stall{true};
  hub.set_content_fault([&](const PeerRequest&, PeerReply& reply) {
    if (!stall) return;
    reply.piece = reply.body.size() / 2;
    reply.pause = std::chrono::hours(1);
  });
  {
    ChildProcess python(command(download_arguments()), environment(hub.url()));
    const auto half_done = [this] {
      std::error_code none_yet;
      for (fs::directory_iterator it(blobs(), none_yet), end; !none_yet && it != end; ++it) {
        if (it->path().extension() == ".incomplete" && it->file_size() > 0) return true;
      }
      return false;
    };
    while (!half_done()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    python.signal(SIGKILL);
    EXPECT_EQ(python.wait(), -SIGKILL);
  }
  std::uintmax_t left = 0;
  for (const auto& entry : fs::directory_iterator(blobs())) {
    left = entry.file_size();
    fs::last_write_time(entry, entry.last_write_time() - std::chrono::minutes(2));
  }
  stall = false;
  const auto sent = hub.bytes_sent();
  const fs::path snapshot = download(hub);
  EXPECT_EQ(read_file(snapshot / kModelFile), content);
  EXPECT_EQ(hub.bytes_sent() - sent, content.size() - left) << "we went on where it was killed";
  EXPECT_EQ(std::distance(fs::directory_iterator(blobs()), {}), 1);
  EXPECT_EQ(client({"local", cache_, FakeHub::kRepository}), snapshot.string());
}

TEST_F(NetHubPython, WeWaitForItsDownload) {
  close_gate();
  ChildProcess python(command(download_arguments()), environment(hub_.url()));
  ASSERT_TRUE(hub_.content().wait_for_requests(1));
  fs::path ours;
  std::thread second([&] {
    ours = download([&](const HubProgress& progress) {
      if (progress.waiting) open_gate();
    });
  });
  second.join();
  EXPECT_EQ(json::parse(python.read_all()), (ours / kModelFile).string());
  EXPECT_EQ(python.wait(), 0);
  EXPECT_EQ(hub_.bytes_sent(), kModelSize) << "it came once";
}

TEST_F(NetHubPython, ItWaitsForOurDownload) {
  close_gate();
  std::thread first([this] { download(); });
  ASSERT_TRUE(hub_.content().wait_for_requests(1));
  const std::size_t asked = hub_.hub_requests().size();
  ChildProcess python(command(download_arguments()), environment(hub_.url()));
  EXPECT_TRUE(hub_.hub().wait_for_requests(asked + 1));
  open_gate();
  first.join();
  EXPECT_EQ(python.read_all().find("\"" + cache_.string()), 0u);
  EXPECT_EQ(python.wait(), 0);
  EXPECT_EQ(hub_.bytes_sent(), kModelSize) << "it came once";
}

}  // namespace
}  // namespace echo
