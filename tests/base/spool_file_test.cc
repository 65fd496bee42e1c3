#include "base/spool_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "support/temp_dir.h"

namespace echo {
namespace {

void append(const SpoolFile& file, const std::string& bytes) {
  ASSERT_EQ(::write(file.descriptor(), bytes.data(), bytes.size()),
            static_cast<ssize_t>(bytes.size()));
}

TEST(SpoolFile, HoldsWhatIsWrittenAndLeavesNothing) {
  TempDir folder;
  {
    SpoolFile file(folder.path());
    EXPECT_EQ(file.map(), "");
    append(file, "one ");
    EXPECT_EQ(file.map(), "one ");
    append(file, "two");
    EXPECT_EQ(file.map(), "one two");
    EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "it has no name";
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(SpoolFile, IsInMemoryWhereThereIsNoFolder) {
  SpoolFile file("/nowhere/at/all");
  append(file, "kept");
  EXPECT_EQ(file.map(), "kept");
}

}  // namespace
}  // namespace echo
