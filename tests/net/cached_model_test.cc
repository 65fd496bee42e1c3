#include "net/cached_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <algorithm>

#include "base/atomic_file.h"
#include "base/error.h"
#include "net/hub_options.h"
#include "support/temp_dir.h"
#include "support/thrown_error.h"

namespace echo {
namespace {

namespace fs = std::filesystem;

class CachedModelTest : public testing::Test {
 protected:
  // A file in a cache as huggingface_hub leaves it.
  void add(const std::string& folder, const std::string& commit, const std::string& file) {
    write_file_atomically(hub_ / folder / "blobs" / ("blob-" + file), file);
    fs::create_directories(hub_ / folder / "snapshots" / commit);
    fs::create_symlink("../../blobs/blob-" + file, hub_ / folder / "snapshots" / commit / file);
  }
  void ref(const std::string& folder, const std::string& revision, const std::string& commit) {
    write_file_atomically(hub_ / folder / "refs" / revision, commit);
  }
  std::optional<fs::path> find(const std::string& repository, const std::string& revision = "main",
                               std::vector<std::string> files = {"m.bin"}) {
    return find_cached_model({{dir_ / "absent", hub_}, {plain_}},
                             {repository, revision, std::move(files)});
  }

  TempDir dir_;
  fs::path hub_ = dir_ / "huggingface-cache/hub";
  fs::path plain_ = dir_ / "cache";
};

TEST_F(CachedModelTest, M51_RefsThenSnapshots) {
  add("models--jordand--echo-tts-base", "aaa", "m.bin");
  add("models--jordand--echo-tts-base", "bbb", "m.bin");
  ref("models--jordand--echo-tts-base", "main", "bbb\n");
  EXPECT_EQ(find("jordand/echo-tts-base"), hub_ / "models--jordand--echo-tts-base/snapshots/bbb");
}

TEST_F(CachedModelTest, M51_WithoutARefTheFirstSnapshotThatIsWhole) {
  add("models--a--b", "ccc", "m.bin");
  add("models--a--b", "bbb", "m.bin");
  add("models--a--b", "aaa", "other.bin");
  EXPECT_EQ(find("a/b"), hub_ / "models--a--b/snapshots/bbb");
  ref("models--a--b", "main", "gone");
  EXPECT_EQ(find("a/b"), hub_ / "models--a--b/snapshots/bbb");
  EXPECT_EQ(find("a/b", "v1"), std::nullopt) << "only main may be guessed";
  EXPECT_EQ(find("a/b", "main", {"m.bin", "other.bin"}), std::nullopt);
}

TEST_F(CachedModelTest, M51_NamesInAnotherCase) {
  add("models--jordand--echo-tts-base", "aaa", "m.bin");
  EXPECT_EQ(find("Jordand/Echo-TTS-Base"), hub_ / "models--jordand--echo-tts-base/snapshots/aaa");
}

TEST_F(CachedModelTest, M51_ALinkToNothingIsNoFile) {
  add("models--a--b", "aaa", "m.bin");
  fs::remove(hub_ / "models--a--b/blobs/blob-m.bin");
  EXPECT_EQ(find("a/b"), std::nullopt);
}

TEST_F(CachedModelTest, M51_ThePlatformsPlainCacheComesSecond) {
  write_file_atomically(plain_ / "a/b/main/m.bin", "x");
  EXPECT_EQ(find("A/B"), plain_ / "a/b/main");
  EXPECT_EQ(find("a/b", "v1"), std::nullopt);
  add("models--a--b", "aaa", "m.bin");
  EXPECT_EQ(find("a/b"), hub_ / "models--a--b/snapshots/aaa");
}

TEST_F(CachedModelTest, M51_NothingIsWritten) {
  add("models--a--b", "aaa", "m.bin");
  std::vector<std::pair<fs::path, fs::file_time_type>> before, after;
  const auto look = [&](auto& out) {
    for (const auto& entry : fs::recursive_directory_iterator(dir_.path())) {
      out.emplace_back(entry.path(),
                       fs::last_write_time(entry.symlink_status().type() == fs::file_type::symlink
                                               ? entry.path().parent_path()
                                               : entry.path()));
    }
    std::sort(out.begin(), out.end());
  };
  look(before);
  find("a/b");
  find("a/absent");
  look(after);
  EXPECT_EQ(before, after);
}

TEST_F(CachedModelTest, HostileRefsLeadNowhere) {
  write_file_atomically(dir_ / "m.bin", "secret");
  add("models--a--b", "aaa", "other.bin");
  for (const std::string commit : {"../../../..", "/etc", "..", "", "a/b"}) {
    ref("models--a--b", "main", commit);
    EXPECT_EQ(find("a/b"), std::nullopt) << commit;
  }
  EXPECT_THROW(find("a/../.."), Error);
  EXPECT_THROW(find("a/b", "../x"), Error);
}

TEST(Repository, Parses) {
  const HubRepository plain = parse_repository("org/name", {"f"});
  EXPECT_EQ(plain.name, "org/name");
  EXPECT_EQ(plain.revision, "main");
  EXPECT_EQ(parse_repository("org/name@v1", {}).revision, "v1");
  EXPECT_EQ(parse_repository("org/name:refs/pr/1", {}).revision, "refs/pr/1");
  for (const char* text : {"", "@v1", "org/name@", "org/name@../x", "a/b/c", "a b"}) {
    EXPECT_THROW(parse_repository(text, {}), Error) << text;
  }
}

TEST(Repository, SaysWhatIsExpectedInsteadOfAnAddressOrAPath) {
  struct Case {
    const char* text;
    const char* expected;
  };
  for (const Case& one :
       {Case{"https://huggingface.co/jordand/echo-tts-base", "is it jordand/echo-tts-base?"},
        Case{"https://huggingface.co/jordand/echo-tts-base/tree/main?x=1",
             "is it jordand/echo-tts-base?"},
        Case{"http://mirror.example", "found the web address"},
        Case{"/models/echo", "ECHO_MODEL_DIR"}, Case{"./echo", "ECHO_MODEL_DIR"}}) {
    const Error error = error_of([&] { parse_repository(one.text, {}); });
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr(one.expected),
                                             testing::HasSubstr("expected ORG/NAME")));
  }
}

TEST(HubOptions, MeanWhatTheyMeanInHuggingfaceHub) {
  EXPECT_EQ(hub_options({.home = "/h"}).cache, "/h/.cache/huggingface/hub");
  EXPECT_EQ(hub_options({.home = "/h"}).endpoint, "https://huggingface.co");
  EXPECT_EQ(hub_options({.xdg_cache_home = "/x", .home = "/h"}).cache, "/x/huggingface/hub");
  EXPECT_EQ(hub_options({.hf_home = "~/hf", .xdg_cache_home = "/x", .home = "/h"}).cache,
            "/h/hf/hub");
  EXPECT_EQ(hub_options({.hf_home = "/hf", .hf_hub_cache = "/c", .home = "/h"}).cache, "/c");
  for (const char* yes : {"1", "on", "Yes", "TRUE"}) {
    EXPECT_TRUE(hub_options({.hf_hub_offline = yes, .home = "/h"}).offline) << yes;
  }
  for (const char* no : {"", "0", "false", "off", "2"}) {
    EXPECT_FALSE(hub_options({.hf_hub_offline = no, .home = "/h"}).offline) << no;
  }
  EXPECT_EQ(hub_options({.hf_hub_download_timeout = "30", .home = "/h"}).download_timeout,
            std::chrono::seconds(30));
  for (const char* bad : {"abc", "0", "-1", "1e3"}) {
    EXPECT_THROW(hub_options({.hf_hub_download_timeout = bad, .home = "/h"}), Error) << bad;
  }
}

TEST(HubOptions, TokenFromTheVariableOrTheFile) {
  TempDir dir;
  HubVariables variables{.hf_home = dir.path(), .home = "/h"};
  EXPECT_EQ(hub_options(variables).token, "");
  write_file_atomically(dir / "token", "hf_file\n");
  EXPECT_EQ(hub_options(variables).token, "hf_file");
  write_file_atomically(dir / "other", " hf_other ");
  variables.hf_token_path = dir / "other";
  EXPECT_EQ(hub_options(variables).token, "hf_other");
  variables.hf_token = " hf_variable\r\n";
  EXPECT_EQ(hub_options(variables).token, "hf_variable");
}

}  // namespace
}  // namespace echo
