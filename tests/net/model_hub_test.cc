#include "net/model_hub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <thread>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/file_io.h"
#include "fake_hub.h"
#include "net/curl_http_client.h"
#include "net/file_lock.h"
#include "support/child_process.h"
#include "support/kill_points.h"
#include "support/paths.h"
#include "support/temp_dir.h"
#include "support/thrown_error.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::string kCommit = FakeHub::kCommit;
constexpr std::size_t kBig = 3'000'001;

// Every file and link below a folder, and what links point to; sorted.
std::vector<std::string> tree(const fs::path& root) {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const std::string name = fs::relative(entry.path(), root).lexically_normal().string();
    if (entry.is_symlink()) {
      names.push_back(entry.path().lexically_relative(root).string() + " -> " +
                      fs::read_symlink(entry.path()).string());
    } else if (entry.is_regular_file()) {
      names.push_back(name);
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::map<std::string, HubFile> small_and_big() {
  return {{"pca_state.safetensors", {"small file", false}},
          {"pytorch_model.safetensors", {patterned(kBig), true}}};
}

class ModelHubTest : public testing::Test {
 protected:
  HubOptions options(const FakeHub& hub) {
    HubOptions options;
    options.endpoint = hub.url();
    options.cache = cache_;
    options.download_timeout = 60s;
    options.connections = 4;
    options.chunk_bytes = 200'000;
    options.retry = {.max_attempts = 4, .first_delay = 1ms, .max_delay = 5ms};
    return options;
  }

  HubRepository repository(std::vector<std::string> files = {"pytorch_model.safetensors"}) {
    return {FakeHub::kRepository, "main", std::move(files)};
  }

  fs::path download(const HubOptions& options, const HubRepository& repository,
                    std::stop_token stop = {}) {
    return ModelHub(options, *http_, real_clock()).download(repository, {}, std::move(stop));
  }

  Error error_of(const HubOptions& options, const HubRepository& repository) {
    return echo::error_of([&] { download(options, repository); });
  }

  fs::path blob(const FakeHub& hub, const std::string& suffix = "") {
    return cache_ / "models--Org--model.x" / "blobs" /
           (hub.etag("pytorch_model.safetensors") + suffix);
  }

  TempDir dir_;
  fs::path cache_ = dir_ / "hub";
  std::unique_ptr<HttpClient> http_ = make_http_client();
};

TEST_F(ModelHubTest, LeavesTheLayoutOfHuggingfaceHub) {
  FakeHub hub({{"config.json", {"{}", false}},
               {"pytorch_model.safetensors", {patterned(kBig), true}},
               {"sub/dir/x y.bin", {patterned(1000, 2), true}}});
  const fs::path snapshot = download(
      options(hub), repository({"config.json", "pytorch_model.safetensors", "sub/dir/x y.bin"}));
  EXPECT_EQ(snapshot, cache_ / "models--Org--model.x/snapshots" / kCommit);
  EXPECT_EQ(read_file(snapshot / "config.json"), "{}");
  EXPECT_EQ(read_file(snapshot / "pytorch_model.safetensors"), patterned(kBig));
  EXPECT_EQ(read_file(snapshot / "sub/dir/x y.bin"), patterned(1000, 2));

  const std::string config = hub.etag("config.json"), model = hub.etag("pytorch_model.safetensors"),
                    sub = hub.etag("sub/dir/x y.bin");
  EXPECT_EQ(config.size(), 40u);
  EXPECT_EQ(model.size(), 64u);
  const std::string repo = "models--Org--model.x/";
  std::vector<std::string> expected = {
      ".locks/" + repo + config + ".lock",
      ".locks/" + repo + model + ".lock",
      ".locks/" + repo + sub + ".lock",
      repo + "blobs/" + config,
      repo + "blobs/" + model,
      repo + "blobs/" + sub,
      repo + "refs/main",
      repo + "snapshots/" + kCommit + "/config.json -> ../../blobs/" + config,
      repo + "snapshots/" + kCommit + "/pytorch_model.safetensors -> ../../blobs/" + model,
      repo + "snapshots/" + kCommit + "/sub/dir/x y.bin -> ../../../../blobs/" + sub,
  };
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(tree(cache_), expected);
  EXPECT_EQ(read_file(cache_ / "models--Org--model.x/refs/main"), kCommit);
}

TEST_F(ModelHubTest, WhatIsThereIsNotDownloadedAgain) {
  FakeHub hub(small_and_big());
  const auto files = repository({"pca_state.safetensors", "pytorch_model.safetensors"});
  download(options(hub), files);
  const auto sent = hub.bytes_sent();
  EXPECT_EQ(sent, kBig + 10);
  download(options(hub), files);
  EXPECT_EQ(hub.bytes_sent(), sent);
  // The blob alone is enough for a new snapshot.
  fs::remove_all(cache_ / "models--Org--model.x/snapshots");
  download(options(hub), files);
  EXPECT_EQ(hub.bytes_sent(), sent);
}

TEST_F(ModelHubTest, LargeFilesComeInParallelRanges) {
  FakeHub hub(small_and_big());
  download(options(hub), repository());
  std::set<std::string> ranges;
  for (const PeerRequest& request : hub.content_requests()) ranges.insert(request.header("Range"));
  EXPECT_EQ(ranges.size(), (kBig + 199'999) / 200'000);
  EXPECT_GE(hub.content().connections(), 2);
  EXPECT_EQ(hub.bytes_sent(), kBig);
}

TEST_F(ModelHubTest, TheTokenGoesToTheHubAlone) {
  FakeHub hub(small_and_big());
  hub.required_token = "hf_secret";
  HubOptions with_token = options(hub);
  with_token.token = "hf_secret";
  download(with_token, repository());
  for (const PeerRequest& request : hub.hub_requests()) {
    EXPECT_EQ(request.header("Authorization"), "Bearer hf_secret");
  }
  ASSERT_FALSE(hub.content_requests().empty());
  for (const PeerRequest& request : hub.content_requests()) {
    EXPECT_FALSE(request.has_header("Authorization"));
  }
}

TEST_F(ModelHubTest, RefusalsNameTheRepositoryAndNeverTheToken) {
  FakeHub hub(small_and_big());
  hub.required_token = "hf_right";
  HubOptions wrong = options(hub);
  wrong.token = "hf_canary";
  Error error = error_of(wrong, repository());
  EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("Org/model.x"), HasSubstr("the token lacks access"),
                                  HasSubstr("403"), Not(HasSubstr("canary"))));
  error = error_of(options(hub), repository());
  EXPECT_THAT(error.what(), AllOf(HasSubstr("Org/model.x"), HasSubstr("no token is set (HF_TOKEN)"),
                                  HasSubstr("401")));
  EXPECT_EQ(hub.hub_requests().size(), 2u) << "refusals are not tried again";
}

TEST_F(ModelHubTest, RefusalsOfTheSecondHostAreNotTheTokens) {
  for (const int status : {401, 403, 404, 451}) {
    FakeHub hub(small_and_big());
    hub.set_content_fault(
        [&](const PeerRequest&, PeerReply& reply) { reply = {.status = status}; });
    HubOptions with_token = options(hub);
    with_token.token = "hf_good";
    const Error error = error_of(with_token, repository());
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr(hub.content().url() + " (redirect 1 of " + hub.url() + ")"),
                      HasSubstr("status " + std::to_string(status)), HasSubstr("firewall"),
                      Not(HasSubstr("token")), Not(HasSubstr("Signature"))));
  }
}

TEST_F(ModelHubTest, FaultsOfTheSecondHostNameIt) {
  FakeHub hub(small_and_big());
  hub.set_content_fault([&](const PeerRequest&, PeerReply& reply) { reply = {.status = 502}; });
  EXPECT_THAT(error_of(options(hub), repository()).what(),
              HasSubstr(", at " + hub.content().url()));
  hub.set_content_fault([&](const PeerRequest&, PeerReply& reply) { reply = {.silent = true}; });
  EXPECT_THAT(error_of(options(hub), repository()).what(),
              HasSubstr(", at " + hub.content().url()));
}

// A cache that somebody else wrote and nobody may write.
class ReadOnlyCache : public ModelHubTest {
 protected:
  void fill(const FakeHub& hub) { download(options(hub), repository()); }
  fs::path ref() const { return cache_ / "models--Org--model.x" / "refs" / "main"; }
  // Also for root, who may write where rights forbid it: there is no folder to write to.
  void forbid_refs() {
    fs::remove_all(ref().parent_path());
    write_file_atomically(ref().parent_path(), "a file in the place of the folder");
  }
};

TEST_F(ReadOnlyCache, ARefThatEndsInALineBreakIsTheSame) {
  FakeHub hub(small_and_big());
  fill(hub);
  write_file_atomically(ref(), kCommit + "\n");
  EXPECT_NO_THROW(download(options(hub), repository()));
  EXPECT_EQ(read_file(ref()), kCommit + "\n") << "it was written again";
}

TEST_F(ReadOnlyCache, WhatIsWholeWillDoWithoutARef) {
  FakeHub hub(small_and_big());
  fill(hub);
  forbid_refs();
  const fs::path snapshot = download(options(hub), repository());
  EXPECT_EQ(read_file(snapshot / "pytorch_model.safetensors"), patterned(kBig));
}

TEST_F(ReadOnlyCache, WhatIsMissingIsAnError) {
  FakeHub hub(small_and_big());
  fs::create_directories(ref().parent_path().parent_path());
  forbid_refs();
  EXPECT_EQ(error_of(options(hub), repository()).code(), ErrorCode::kUnavailable);
}

TEST_F(ReadOnlyCache, WhatTheHubLacksIsSaidAllTheSame) {
  FakeHub hub(small_and_big());
  fs::create_directories(cache_ / "models--Org--model.x");
  write_file_atomically(cache_ / "models--Org--model.x" / ".no_exist", "no folder");
  const Error error = error_of(options(hub), repository({"absent.bin"}));
  EXPECT_THAT(error.what(), HasSubstr("no file absent.bin at revision main"));
}

TEST_F(ModelHubTest, SaysWhatDoesNotExist) {
  FakeHub hub(small_and_big());
  Error error = error_of(options(hub), repository({"absent.bin"}));
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_THAT(error.what(), HasSubstr("no file absent.bin at revision main"));
  EXPECT_TRUE(fs::exists(cache_ / "models--Org--model.x/.no_exist" / kCommit / "absent.bin"));
  error = error_of(options(hub), {FakeHub::kRepository, "v2", {"x"}});
  EXPECT_THAT(error.what(), HasSubstr("no revision v2"));
  error = error_of(options(hub), {"Org/other", "main", {"x"}});
  EXPECT_THAT(error.what(), HasSubstr("no repository Org/other"));
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
}

TEST_F(ModelHubTest, BadNamesAreRefusedBeforeAnyRequest) {
  FakeHub hub(small_and_big());
  for (const HubRepository& bad : std::vector<HubRepository>{{"", "main", {"x"}},
                                                             {"a/b/c", "main", {"x"}},
                                                             {"../x", "main", {"x"}},
                                                             {"a--b/c", "main", {"x"}},
                                                             {"a b", "main", {"x"}},
                                                             {"a/b", "", {"x"}},
                                                             {"a/b", "../../etc", {"x"}},
                                                             {"a/b", "main", {"../x"}},
                                                             {"a/b", "main", {"/etc/passwd"}},
                                                             {"a/b", "main", {"a//b"}},
                                                             {"a/b", "main", {"a\nb"}}}) {
    EXPECT_EQ(error_of(options(hub), bad).code(), ErrorCode::kInvalidArgument)
        << bad.name << " " << bad.revision;
  }
  EXPECT_TRUE(hub.hub_requests().empty());
  HubOptions broken = options(hub);
  broken.endpoint = "huggingface.co";
  EXPECT_THROW(ModelHub(broken, *http_), Error);
  broken = options(hub);
  broken.token = "hf_x\r\nX-Evil: 1";
  EXPECT_THROW(ModelHub(broken, *http_), Error);
}

TEST_F(ModelHubTest, AnswersThatAreNoHubs) {
  FakeHub hub(small_and_big());
  const PeerReply cases[] = {
      {.headers = {{"ETag", "\"abc\""}}},
      {.headers = {{"X-Repo-Commit", kCommit}}},
      {.headers = {{"X-Repo-Commit", "../../x"}, {"ETag", "\"abc\""}}},
      {.headers = {{"X-Repo-Commit", kCommit}, {"ETag", "\"../../abc\""}}},
  };
  for (const PeerReply& reply : cases) {
    hub.set_hub_fault([&](const PeerRequest&) { return reply; });
    EXPECT_EQ(error_of(options(hub), repository()).code(), ErrorCode::kCorrupt);
  }
}

TEST_F(ModelHubTest, FollowsARenamedRepository) {
  FakeHub hub(small_and_big());
  hub.renamed = true;
  const fs::path snapshot =
      download(options(hub), repository({"pca_state.safetensors", "pytorch_model.safetensors"}));
  EXPECT_EQ(read_file(snapshot / "pytorch_model.safetensors"), patterned(kBig));
}

TEST_F(ModelHubTest, PassingFaultsOfTheHubAreTriedAgain) {
  std::atomic<int> count{0};
  FakeHub hub(small_and_big());
  hub.set_hub_fault([&](const PeerRequest&) -> std::optional<PeerReply> {
    switch (count++) {
      case 0:
        return PeerReply{.status = 503};
      case 1:
        return PeerReply{.status = 429, .headers = {{"Retry-After", "0"}}};
      case 2:
        return PeerReply{.silent = true};
      default:
        return std::nullopt;
    }
  });
  download(options(hub), repository());
  EXPECT_GE(count, 5);
}

TEST_F(ModelHubTest, AFlakySecondHostIsResumedWithoutLoss) {
  std::atomic<int> count{0};
  FakeHub hub(small_and_big());
  hub.set_content_fault([&](const PeerRequest&, PeerReply& reply) {
    switch (count++ % 5) {
      case 0:
        reply.cut_after = 60'000;
        break;
      case 1:
        reply.cut_after = 90'000;
        reply.reset = true;
        break;
      case 2:
        reply = PeerReply{.status = 502};
        break;
      default:
        break;
    }
  });
  HubOptions patient = options(hub);
  patient.retry.max_attempts = 20;  // one chunk may meet all the bad luck
  const fs::path snapshot = download(patient, repository());
  EXPECT_EQ(read_file(snapshot / "pytorch_model.safetensors"), patterned(kBig));
  EXPECT_GT(count, 20);
}

TEST_F(ModelHubTest, AStalledConnectionIsReplaced) {
  std::atomic<int> count{0};
  FakeHub hub(small_and_big());
  hub.set_content_fault([&](const PeerRequest&, PeerReply& reply) {
    if (count++ != 2) return;
    reply.piece = 50'000;
    reply.pause = 60s;
  });
  HubOptions impatient = options(hub);
  impatient.download_timeout = 1s;
  impatient.retry.max_attempts = 20;
  const fs::path snapshot = download(impatient, repository());
  EXPECT_EQ(read_file(snapshot / "pytorch_model.safetensors"), patterned(kBig));
}

TEST_F(ModelHubTest, AHostThatStaysBrokenIsAnError) {
  FakeHub hub(small_and_big());
  hub.set_content_fault(
      [](const PeerRequest&, PeerReply& reply) { reply = PeerReply{.status = 500}; });
  const Error error = error_of(options(hub), repository());
  EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  EXPECT_THAT(error.what(),
              AllOf(HasSubstr("Org/model.x"), HasSubstr("500"), Not(HasSubstr("Signature"))));
  EXPECT_FALSE(fs::exists(blob(hub)));
}

TEST_F(ModelHubTest, WithoutRangesOrSizeItStillComes) {
  for (const bool says_size : {true, false}) {
    for (const bool ranges : {true, false}) {
      std::atomic<int> count{0};
      FakeHub hub(small_and_big());
      hub.ranges = ranges;
      hub.says_size = says_size;
      hub.set_content_fault([&](const PeerRequest& request, PeerReply& reply) {
        const bool whole = !request.has_header("Range");
        if (whole && count++ == 0) reply.cut_after = 1'000'000;
      });
      fs::remove_all(cache_);
      const fs::path snapshot = download(options(hub), repository());
      EXPECT_EQ(read_file(snapshot / "pytorch_model.safetensors"), patterned(kBig))
          << "size " << says_size << ", ranges " << ranges;
    }
  }
}

TEST_F(ModelHubTest, ResumesWhatAnInterruptedDownloadLeft) {
  FakeHub hub(small_and_big());
  write_file_atomically(blob(hub, ".incomplete"), patterned(kBig).substr(0, 1'000'000));
  const fs::path snapshot = download(options(hub), repository());
  EXPECT_EQ(read_file(snapshot / "pytorch_model.safetensors"), patterned(kBig));
  EXPECT_EQ(hub.bytes_sent(), kBig - 1'000'000);
  EXPECT_FALSE(fs::exists(blob(hub, ".incomplete")));
}

TEST_F(ModelHubTest, ResumesWhatThePythonClientLeft) {
  FakeHub hub(small_and_big());
  const auto leave = [&](const std::string& name, size_t size, std::chrono::seconds age) {
    const fs::path path = blob(hub, "." + name + ".incomplete");
    write_file_atomically(path, patterned(kBig).substr(0, size));
    fs::last_write_time(path, fs::file_time_type::clock::now() - age);
    return path;
  };
  const fs::path shorter = leave("0a1b2c3d", 500'000, 1h);
  const fs::path longer = leave("4e5f6a7b", 900'000, 2min);
  const fs::path being_written = leave("8c9d0e1f", 1'000'000, 1s);
  const fs::path snapshot = download(options(hub), repository());
  EXPECT_EQ(read_file(snapshot / "pytorch_model.safetensors"), patterned(kBig));
  EXPECT_EQ(hub.bytes_sent(), kBig - 900'000);
  EXPECT_FALSE(fs::exists(longer));
  EXPECT_TRUE(fs::exists(shorter));
  EXPECT_TRUE(fs::exists(being_written));
}

TEST_F(ModelHubTest, ACompleteLeftoverNeedsNoDownload) {
  FakeHub hub(small_and_big());
  write_file_atomically(blob(hub, ".incomplete"), patterned(kBig));
  download(options(hub), repository());
  EXPECT_EQ(hub.bytes_sent(), 0u);
}

TEST_F(ModelHubTest, ADamagedLeftoverIsDownloadedAnew) {
  for (const std::string& leftover :
       {patterned(500'000, 7), patterned(kBig, 7), patterned(kBig + 5), std::string()}) {
    FakeHub hub(small_and_big());
    fs::remove_all(cache_);
    write_file_atomically(blob(hub, ".incomplete"), leftover);
    const fs::path snapshot = download(options(hub), repository());
    EXPECT_EQ(read_file(snapshot / "pytorch_model.safetensors"), patterned(kBig));
  }
}

TEST_F(ModelHubTest, ASmallFileIsResumedWithTheHubsOwnEtag) {
  const std::string content = patterned(150'000, 3);
  std::atomic<int> count{0};
  FakeHub hub({{"vocab.json", {content, false}}});
  hub.set_content_fault([&](const PeerRequest&, PeerReply& reply) {
    if (count++ == 0) reply.cut_after = 100'000;
  });
  const fs::path snapshot = download(options(hub), repository({"vocab.json"}));
  EXPECT_EQ(read_file(snapshot / "vocab.json"), content);
  const PeerRequest resumed = hub.hub_requests().back();
  EXPECT_EQ(resumed.header("Range"), "bytes=100000-");
  EXPECT_EQ(resumed.header("If-Range"), "\"" + hub.etag("vocab.json") + "\"");
}

TEST_F(ModelHubTest, AFileThatChangesMeanwhileIsNotMixed) {
  // The second host has another body under another ETag from the third request on.
  const std::string other = patterned(kBig, 9);
  std::atomic<int> count{0};
  FakeHub hub(small_and_big());
  hub.set_content_fault([&](const PeerRequest&, PeerReply& reply) {
    if (count++ >= 2) reply = PeerReply{.headers = {{"ETag", "\"new\""}}, .body = other};
  });
  const Error error = error_of(options(hub), repository());
  EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
  EXPECT_THAT(error.what(),
              AllOf(HasSubstr("SHA-256 is"), HasSubstr(hub.etag("pytorch_model.safetensors"))));
  EXPECT_FALSE(fs::exists(blob(hub)));
}

TEST_F(ModelHubTest, WrongBytesAreCorruptAndLeaveNoBlob) {
  for (const bool large : {true, false}) {
    FakeHub hub({{"x.bin", {patterned(1000), large}}});
    hub.set_content_fault([](const PeerRequest&, PeerReply& reply) { reply.body[500] ^= 1; });
    fs::remove_all(cache_);
    const Error error = error_of(options(hub), repository({"x.bin"}));
    EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
    EXPECT_THAT(error.what(), HasSubstr(large ? "SHA-256" : "git SHA-1"));
    EXPECT_FALSE(fs::exists(cache_ / "models--Org--model.x/snapshots" / kCommit / "x.bin"));
    EXPECT_FALSE(fs::exists(cache_ / "models--Org--model.x/refs/main"));
  }
}

TEST_F(ModelHubTest, AShortFileIsCorrupt) {
  for (const std::size_t size : {1000, 1'000'000}) {
    FakeHub hub({{"x.bin", {patterned(size), true}}});
    hub.set_content_fault([&](const PeerRequest&, PeerReply& reply) {
      reply = PeerReply{.body = patterned(size - 1)};
    });
    fs::remove_all(cache_);
    const Error error = error_of(options(hub), repository({"x.bin"}));
    EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
    EXPECT_THAT(error.what(),
                HasSubstr(std::to_string(size - 1) + " bytes, expected " + std::to_string(size)));
  }
}

TEST_F(ModelHubTest, ALongFileIsCorrupt) {
  FakeHub hub({{"x.bin", {patterned(1000), true}}});
  hub.set_content_fault(
      [&](const PeerRequest&, PeerReply& reply) { reply = PeerReply{.body = patterned(5000)}; });
  EXPECT_THAT(error_of(options(hub), repository({"x.bin"})).what(),
              HasSubstr("more than the expected 1000 bytes"));
}

TEST_F(ModelHubTest, NotEnoughRoomIsSaidBeforeTheDownload) {
  FakeHub hub(small_and_big());
  hub.set_hub_fault([&](const PeerRequest&) {
    return PeerReply{.status = 302,
                     .headers = {{"X-Repo-Commit", kCommit},
                                 {"X-Linked-Etag", "\"" + std::string(64, 'a') + "\""},
                                 {"X-Linked-Size", "9000000000000000"},
                                 {"Location", hub.content().url("/x")}}};
  });
  const Error error = error_of(options(hub), repository());
  EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  EXPECT_THAT(error.what(),
              AllOf(HasSubstr("not enough room"), HasSubstr("8583068847 MiB needed")));
  EXPECT_TRUE(hub.content_requests().empty());
}

TEST_F(ModelHubTest, AFullDiskIsAClearErrorAndTheNextTryResumes) {
  FakeHub hub(small_and_big());
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{1'500'000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const Error error = error_of(options(hub), repository());
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  EXPECT_THAT(error.what(),
              AllOf(HasSubstr("cannot write"), HasSubstr(".incomplete: File too large")));
  EXPECT_FALSE(fs::exists(blob(hub)));
  const auto kept = fs::file_size(blob(hub, ".incomplete"));
  EXPECT_GT(kept, 1'000'000u);
  const auto sent = hub.bytes_sent();
  download(options(hub), repository());
  EXPECT_EQ(hub.bytes_sent() - sent, kBig - kept);
}

TEST_F(ModelHubTest, OfflineUsesTheCacheAndAsksNobody) {
  FakeHub hub(small_and_big());
  HubOptions offline = options(hub);
  offline.offline = true;
  const Error error = error_of(offline, repository());
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_THAT(error.what(), HasSubstr("HF_HUB_OFFLINE"));
  EXPECT_TRUE(hub.hub_requests().empty());
  const fs::path snapshot = download(options(hub), repository());
  const auto asked = hub.hub_requests().size();
  EXPECT_EQ(download(offline, repository()), snapshot);
  EXPECT_EQ(hub.hub_requests().size(), asked);
}

TEST_F(ModelHubTest, WhenTheHubIsDownTheCacheWillDo) {
  FakeHub hub(small_and_big());
  const fs::path snapshot = download(options(hub), repository());
  hub.set_hub_fault([](const PeerRequest&) { return PeerReply{.status = 503}; });
  EXPECT_EQ(download(options(hub), repository()), snapshot);
  HubOptions nobody = options(hub);
  nobody.endpoint = "http://127.0.0.1:1";
  EXPECT_EQ(download(nobody, repository()), snapshot);
  EXPECT_EQ(error_of(nobody, repository({"other"})).code(), ErrorCode::kUnavailable);
}

TEST_F(ModelHubTest, ACommitInTheCacheNeedsNoRequest) {
  FakeHub hub(small_and_big());
  const fs::path snapshot = download(options(hub), repository());
  const auto asked = hub.hub_requests().size();
  EXPECT_EQ(download(options(hub), {FakeHub::kRepository, kCommit, {"pytorch_model.safetensors"}}),
            snapshot);
  EXPECT_EQ(hub.hub_requests().size(), asked);
}

// Half of every range comes, and then nothing.
void stall_after_half_a_range(const PeerRequest&, PeerReply& reply) {
  reply.piece = 100'000;
  reply.pause = 600s;
}

// Whether the file grows to so many bytes.
bool grows_to(const fs::path& path, std::uintmax_t size) {
  for (int i = 0; i < 20'000; ++i) {
    std::error_code error;
    if (const auto found = fs::file_size(path, error); !error && found >= size) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

TEST_F(ModelHubTest, CancelledWithinTheDownloadAndResumedLater) {
  FakeHub hub(small_and_big());
  hub.set_content_fault(stall_after_half_a_range);
  std::stop_source stop;
  std::jthread canceller([&] {
    EXPECT_TRUE(grows_to(blob(hub, ".incomplete"), 100'000));
    stop.request_stop();
  });
  EXPECT_EQ(echo::error_of([&] { download(options(hub), repository(), stop.get_token()); }).code(),
            ErrorCode::kCancelled);
  EXPECT_EQ(fs::file_size(blob(hub, ".incomplete")), 100'000u);
  EXPECT_FALSE(fs::exists(blob(hub)));
}

TEST_F(ModelHubTest, ProgressRisesToTheTotal) {
  FakeHub hub(small_and_big());
  write_file_atomically(blob(hub, ".incomplete"), patterned(kBig).substr(0, 400'000));
  std::vector<std::uint64_t> done;
  ModelHub(options(hub), *http_).download(repository(), [&](const HubProgress& progress) {
    EXPECT_EQ(progress.file, "pytorch_model.safetensors");
    EXPECT_EQ(progress.total, kBig);
    done.push_back(progress.done);
  });
  ASSERT_GE(done.size(), 2u);
  EXPECT_EQ(done.front(), 400'000u);
  EXPECT_EQ(done.back(), kBig);
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
}

TEST_F(ModelHubTest, SeveralAtOnceDownloadOnce) {
  std::atomic<int> waited{0};
  FakeHub hub(small_and_big());
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        const auto http = make_http_client();
        ModelHub model_hub(options(hub), *http);
        const fs::path snapshot = model_hub.download(
            repository(), [&](const HubProgress& progress) { waited += progress.waiting; });
        EXPECT_EQ(read_file(snapshot / "pytorch_model.safetensors"), patterned(kBig));
      });
    }
  }
  EXPECT_EQ(hub.bytes_sent(), kBig);
}

std::unique_ptr<ChildProcess> start_child(const FakeHub& hub, const fs::path& cache) {
  return std::make_unique<ChildProcess>(
      std::vector<std::string>{build_path("/tests/net/download_once"), hub.url(), cache,
                               FakeHub::kRepository, "pytorch_model.safetensors"});
}

TEST_F(ModelHubTest, SeveralProcessesOnOneVolumeDownloadOnce) {
  FakeHub hub(small_and_big());
  std::vector<std::unique_ptr<ChildProcess>> children;
  for (int i = 0; i < 3; ++i) children.push_back(start_child(hub, cache_));
  for (const auto& child : children) {
    const std::string output = child->read_all();
    EXPECT_EQ(child->wait(), 0) << output;
  }
  EXPECT_EQ(hub.bytes_sent(), kBig);
  EXPECT_EQ(read_file(blob(hub)), patterned(kBig));
}

// What a killed process leaves must not keep any later one from its files.
TEST_F(ModelHubTest, KilledAtAnyChangeOfTheCacheTheNextOneDownloads) {
  const std::string content = patterned(100'000);
  FakeHub hub({{"pytorch_model.safetensors", {content, true}}});
  const std::string program = build_path("/tests/net/download_once"), url = hub.url();
  const fs::path model =
      cache_ / "models--Org--model.x" / "snapshots" / kCommit / "pytorch_model.safetensors";
  const int killed = kill_at_every_point(
      KillPoints::kCallsThatChangeFiles,
      {.prepare = [&] { fs::remove_all(cache_); },
       .work =
           [&] {
             ::execl(program.c_str(), program.c_str(), url.c_str(), cache_.c_str(),
                     FakeHub::kRepository, "pytorch_model.safetensors", nullptr);
           },
       .check =
           [&](int killed_at) {
             const auto next = start_child(hub, cache_);
             EXPECT_EQ(next->read_all(), "") << killed_at;
             EXPECT_EQ(next->wait(), 0) << killed_at;
             EXPECT_EQ(read_file(model), content) << killed_at;
             EXPECT_EQ(read_file(cache_ / "models--Org--model.x/refs/main"), kCommit) << killed_at;
           }});
  if (killed < 0) GTEST_SKIP() << "processes may not be traced here";
  EXPECT_GE(killed, 12) << "folders, lock, blob, link, ref";
}

TEST_F(ModelHubTest, RemovesWhatNobodyWillGoOnWith) {
  FakeHub hub(small_and_big());
  const fs::path blobs = cache_ / "models--Org--model.x/blobs";
  const fs::path locks = cache_ / ".locks/models--Org--model.x";
  for (const std::string name : {"old", "young", "held"}) {
    write_file_atomically(blobs / (name + ".0a1b2c3d.incomplete"), "part");
    write_file_atomically(blobs / (name + ".incomplete"), "part");
    write_file_atomically(locks / (name + ".lock"), "");
  }
  write_file_atomically(blobs / "whole", "all");
  write_file_atomically(blob(hub, ".incomplete"), patterned(kBig).substr(0, 1000));
  for (const auto& item : fs::directory_iterator(blobs)) {
    const bool young = item.path().filename().string().starts_with("young");
    fs::last_write_time(item, fs::file_time_type::clock::now() - 24h * (young ? 6 : 8));
  }
  const FileLock held(locks / "held.lock", {}, real_clock());
  download(options(hub), repository());
  for (const std::string random : {"", ".0a1b2c3d"}) {
    EXPECT_FALSE(fs::exists(blobs / ("old" + random + ".incomplete"))) << random;
    EXPECT_TRUE(fs::exists(blobs / ("young" + random + ".incomplete"))) << random;
    EXPECT_TRUE(fs::exists(blobs / ("held" + random + ".incomplete"))) << random;
  }
  EXPECT_TRUE(fs::exists(blobs / "whole"));
  EXPECT_EQ(hub.bytes_sent(), kBig - 1000) << "its own is gone on with";
}

TEST_F(ModelHubTest, AKilledProcessLeavesWhatTheNextResumes) {
  FakeHub hub(small_and_big());
  hub.set_content_fault(stall_after_half_a_range);
  const auto child = start_child(hub, cache_);
  EXPECT_TRUE(grows_to(blob(hub, ".incomplete"), 100'000));
  child->signal(SIGKILL);
  EXPECT_EQ(child->wait(), -SIGKILL);
  const auto kept = fs::file_size(blob(hub, ".incomplete"));
  EXPECT_EQ(kept, 100'000u);
  EXPECT_EQ(read_file(blob(hub, ".incomplete")), patterned(kBig).substr(0, kept));

  hub.set_content_fault({});
  const auto requests = hub.content_requests().size();
  const fs::path snapshot = download(options(hub), repository());
  EXPECT_EQ(read_file(snapshot / "pytorch_model.safetensors"), patterned(kBig));
  const PeerRequest first = hub.content_requests().at(requests);
  EXPECT_GE(std::stoul(first.header("Range").substr(6)), kept) << "the lock died with its process";
}

}  // namespace
}  // namespace echo
