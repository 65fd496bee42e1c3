#include "net/directory_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/file_io.h"
#include "net/forwarding_store.h"
#include "net/storage_check.h"
#include "support/fake_clock.h"
#include "support/kill_points.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

using namespace std::chrono_literals;
using Status = LinkedFile::Status;

class DirectoryStoreTest : public testing::Test {
 protected:
  // The two halves of a link that a server sees.
  std::pair<std::string, std::string> halves(const std::string& link) {
    const std::string rest = link.substr(std::string("http://h/files/").size());
    return {rest.substr(0, rest.find('?')), rest.substr(rest.find('?') + 1)};
  }

  TempDir dir_;
  FakeClock clock_{std::chrono::system_clock::time_point(1'000'000s)};
  DirectoryStore store_{
      {.directory = dir_ / "results", .base_url = "http://h/files", .secret = "s"}, clock_};
};

TEST_F(DirectoryStoreTest, PutGetHeadRemove) {
  store_.put("a/b c.ogg", "one", "audio/ogg; codecs=opus");
  store_.put("a/b c.ogg", "two!", "audio/ogg; codecs=opus");
  EXPECT_EQ(store_.get("a/b c.ogg"), "two!");
  EXPECT_EQ(store_.head("a/b c.ogg")->size, 4u);
  EXPECT_EQ(store_.head("a/b c.ogg")->content_type, "audio/ogg; codecs=opus");
  EXPECT_EQ(read_file(dir_ / "results/a/b c.ogg"), "two!");
  store_.remove("a/b c.ogg");
  store_.remove("a/b c.ogg");
  EXPECT_FALSE(store_.head("a/b c.ogg"));
  EXPECT_THROW(store_.get("a/b c.ogg"), Error);
}

TEST_F(DirectoryStoreTest, KilledAtAnyCallTheNextOneStores) {
  const int killed = kill_at_every_point(KillPoints::kEveryCall,
                                         {.prepare = [&] { store_.put("a.ogg", "old", ""); },
                                          .work = [&] { store_.put("a.ogg", "new", ""); },
                                          .check =
                                              [&](int killed_at) {
                                                const std::string found = store_.get("a.ogg");
                                                EXPECT_TRUE(found == "old" || found == "new")
                                                    << killed_at << ": " << found;
                                                store_.put("a.ogg", "next", "");
                                                EXPECT_EQ(store_.get("a.ogg"), "next") << killed_at;
                                              }});
  if (killed < 0) GTEST_SKIP() << "processes may not be traced here";
  EXPECT_GE(killed, 6) << "open, lock, write, flush, rename, close at least";
}

TEST_F(DirectoryStoreTest, NamesNeverLeaveTheFolder) {
  for (const std::string& name :
       {std::string(), std::string(".."), std::string("../x"), std::string("a/../x"),
        std::string("/x"), std::string("a//b"), std::string("a/"), std::string(".hidden"),
        std::string("a\0b", 3), std::string("a\nb"), std::string(300, 'x')}) {
    EXPECT_THROW(store_.put(name, "x", ""), Error) << name;
    EXPECT_THROW(store_.link(name), Error) << name;
    EXPECT_THROW(store_.head(name), Error) << name;
  }
}

TEST_F(DirectoryStoreTest, LinksOpenUntilTheyExpire) {
  store_.put("ü +&.ogg", "audio", "");
  const std::string link = store_.link("ü +&.ogg", 60s);
  EXPECT_EQ(link.substr(0, link.find('?')), "http://h/files/%C3%BC%20%2B%26.ogg");
  EXPECT_EQ(store_.read_link(link), "audio");
  const auto [key, query] = halves(link);
  const LinkedFile file = store_.open_link(key, query);
  EXPECT_EQ(file.status, Status::kOk);
  EXPECT_EQ(file.content_type, "audio/ogg; codecs=opus");
  EXPECT_EQ(file.path, dir_ / "results/ü +&.ogg");
  clock_.advance(60s);
  EXPECT_EQ(store_.open_link(key, query).status, Status::kOk);
  clock_.advance(1s);
  EXPECT_EQ(store_.open_link(key, query).status, Status::kExpired);
  EXPECT_THROW(store_.read_link(link), Error);
}

TEST_F(DirectoryStoreTest, TamperedLinksOpenNothing) {
  store_.put("x.ogg", "audio", "");
  store_.put("y.ogg", "other", "");
  const auto [key, query] = halves(store_.link("x.ogg", 60s));
  std::string flipped = query;
  flipped.back() = flipped.back() == '0' ? '1' : '0';
  const std::string later = "expires=9999999999" + query.substr(query.find('&'));
  for (const auto& [k, q] :
       std::vector<std::pair<std::string, std::string>>{{"y.ogg", query},
                                                        {key, flipped},
                                                        {key, later},
                                                        {key, ""},
                                                        {key, "expires=&signature="},
                                                        {"..%2Fx.ogg", query},
                                                        {"", query}}) {
    EXPECT_EQ(store_.open_link(k, q).status, Status::kBadSignature) << k << " " << q;
  }
  DirectoryStore other({.directory = dir_ / "results", .base_url = "http://h/files"}, clock_);
  EXPECT_EQ(other.open_link(key, query).status, Status::kBadSignature);
  store_.remove("x.ogg");
  EXPECT_EQ(store_.open_link(key, query).status, Status::kNotFound);
  EXPECT_THROW(store_.read_link("http://elsewhere/files/x.ogg?" + query), Error);
}

TEST_F(DirectoryStoreTest, SaysWhenItCannotWrite) {
  write_file_atomically(dir_ / "file", "");
  EXPECT_THROW(DirectoryStore({.directory = dir_ / "file/below"}), Error);
  EXPECT_THROW(DirectoryStore(DirectoryStoreOptions{}), Error);
}

TEST_F(DirectoryStoreTest, CheckPassesAndLeavesNothing) {
  const auto steps = check_storage(store_, clock_);
  EXPECT_TRUE(all_passed(steps));
  ASSERT_EQ(steps.size(), 4u);
  EXPECT_EQ(steps[0].name, "put");
  EXPECT_TRUE(std::filesystem::is_empty(dir_ / "results"));
}

// Fails at one step.
class FaultyStore final : public ForwardingStore {
 public:
  FaultyStore(ObjectStore& inner, std::string broken)
      : ForwardingStore(inner), broken_(std::move(broken)) {}
  void put(const std::string& name, std::string_view data, const std::string& type,
           std::stop_token stop) override {
    if (broken_ == "put") throw_unavailable("no space");
    ForwardingStore::put(name, data, type, stop);
  }
  void remove(const std::string& name, std::stop_token stop) override {
    if (broken_ != "delete") ForwardingStore::remove(name, stop);
  }
  std::string read_link(const std::string& url, std::stop_token stop) override {
    return broken_ == "fetch" ? "other bytes" : ForwardingStore::read_link(url, stop);
  }

 private:
  std::string broken_;
};

TEST_F(DirectoryStoreTest, CheckNamesTheStepThatFails) {
  for (const std::string broken : {"put", "fetch", "delete"}) {
    FaultyStore faulty(store_, broken);
    const auto steps = check_storage(faulty, clock_);
    EXPECT_FALSE(all_passed(steps));
    for (const CheckStep& step : steps) {
      if (step.name == broken) {
        EXPECT_EQ(step.status, CheckStep::Status::kFail);
      } else {
        EXPECT_EQ(step.status,
                  broken == "put" ? CheckStep::Status::kSkipped : CheckStep::Status::kPass)
            << broken << "/" << step.name << ": " << step.detail;
      }
    }
  }
}

}  // namespace
}  // namespace echo
