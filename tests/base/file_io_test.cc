#include "base/file_io.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

TEST(FileIo, ReadsWholeFiles) {
  TempDir dir;
  const std::string data = std::string(200'000, 'x') + std::string("a\0b\n", 4);
  std::ofstream(dir / "x", std::ios::binary) << data;
  EXPECT_EQ(read_file(dir / "x"), data);
}

TEST(FileIo, SaysWhatIsWrong) {
  TempDir dir;
  try {
    read_file(dir / "absent");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    EXPECT_NE(std::string(error.what()).find("absent: No such file"), std::string::npos);
  }
}

}  // namespace
}  // namespace echo
