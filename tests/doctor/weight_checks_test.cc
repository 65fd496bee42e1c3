#include "doctor/weight_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/digest.h"
#include "base/error.h"
#include "support/golden.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

ModelFiles tiny() {
  const fs::path folder = golden("tiny").folder();
  return {folder / "dit.safetensors", folder / "dac.safetensors", folder / "pca_state.safetensors"};
}

TEST(WeightChecks, TensorsAreComparedWithWhatTheModelsNeed) {
  EXPECT_EQ(check_weights(tiny()).verdict, Verdict::kPass);
  ModelFiles swapped = tiny();
  std::swap(swapped.dit, swapped.codec);
  EXPECT_THROW(check_weights(swapped), Error);
  swapped = tiny();
  swapped.pca = "/nowhere";
  EXPECT_THROW(check_weights(swapped), Error);
}

// A hub's cache: a link from the snapshot to the blob named by its hash.
class HashChecks : public ::testing::Test {
 protected:
  fs::path cached(const std::string& content, const std::string& named_for) {
    fs::create_directories(dir_ / "blobs");
    const std::string name = hex(digest(DigestKind::kSha256, named_for));
    std::ofstream(dir_ / "blobs" / name, std::ios::binary) << content;
    fs::create_directories(dir_ / "snapshots");
    const fs::path link = dir_ / "snapshots" / ("file" + std::to_string(count_++));
    fs::create_symlink("../blobs/" + name, link);
    return link;
  }
  TempDir dir_;
  int count_ = 0;
};

TEST_F(HashChecks, ABlobMustHaveTheHashThatNamesIt) {
  const fs::path good = cached("weights", "weights");
  const Finding passed = check_hashes({good, good, good}, {});
  EXPECT_EQ(passed.verdict, Verdict::kPass);
  EXPECT_THAT(passed.detail, HasSubstr("1 of 1"));
  const fs::path bad = cached("wreckage", "weights of another kind");
  const Finding failed = check_hashes({good, bad, good}, {});
  EXPECT_EQ(failed.verdict, Verdict::kFail);
  EXPECT_THAT(failed.detail, HasSubstr(bad.string()));
  EXPECT_FALSE(failed.remedy.empty());
}

TEST_F(HashChecks, PlainFilesHaveNoHashToCompare) {
  const Finding plain = check_hashes(tiny(), {});
  EXPECT_EQ(plain.verdict, Verdict::kPass);
  EXPECT_THAT(plain.detail, HasSubstr("0 of 3"));
}

TEST_F(HashChecks, CanBeGivenUp) {
  const fs::path file = cached("weights", "weights");
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(check_hashes({file, file, file}, stop.get_token()), Error);
}

}  // namespace
}  // namespace echo
