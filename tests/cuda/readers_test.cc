#include "cuda/readers.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <vector>

#include "nn/safetensors.h"
#include "support/temp_dir.h"

namespace echo::cuda {
namespace {

std::vector<char> numbered(size_t bytes) {
  std::vector<char> values(bytes);
  uint32_t state = 1;
  for (char& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<char>(state >> 24);
  }
  return values;
}

TEST(Readers, CopyEveryByteOfAnySize) {
  for (const int threads : {0, 1, 2, 5}) {
    Readers readers(threads);
    for (const size_t bytes : {size_t{0}, size_t{1}, size_t{4097}, size_t{512} << 10,
                               (size_t{512} << 10) + 1, (size_t{3} << 20) + 77}) {
      const std::vector<char> from = numbered(bytes + 3);
      std::vector<char> to(bytes + 2, 'x');
      readers.copy(to.data() + 1, from.data() + 3, bytes);
      EXPECT_TRUE(std::equal(from.begin() + 3, from.end(), to.begin() + 1)) << bytes;
      EXPECT_EQ(to.front(), 'x');
      EXPECT_EQ(to.back(), 'x');
    }
  }
}

TEST(Readers, OneCopyAfterTheOther) {
  Readers readers(4);
  const std::vector<char> from = numbered(size_t{2} << 20);
  for (int i = 0; i < 200; ++i) {
    const size_t begin = static_cast<size_t>(i) * 4099;
    std::vector<char> to(from.size() - begin);
    readers.copy(to.data(), from.data() + begin, to.size());
    ASSERT_TRUE(std::equal(to.begin(), to.end(), from.begin() + static_cast<ptrdiff_t>(begin)));
  }
}

TEST(Readers, ReadMappedFiles) {
  // The least that is a file of one tensor.
  const TempDir folder;
  const std::vector<char> values = numbered(size_t{5} << 20);
  std::string header = R"({"w":{"dtype":"BOOL","shape":[5242880],"data_offsets":[0,5242880]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const uint64_t length = header.size();
  std::ofstream(folder / "w.safetensors", std::ios::binary)
      .write(reinterpret_cast<const char*>(&length), sizeof length)
      .write(header.data(), static_cast<std::streamsize>(header.size()))
      .write(values.data(), static_cast<std::streamsize>(values.size()));
  const auto file = SafetensorsFile::open(folder / "w.safetensors");
  const TensorView& tensor = file->tensor("w");
  Readers readers(3);
  std::vector<char> to(values.size());
  for (int i = 0; i < 2; ++i) {
    readers.copy(to.data(), tensor.bytes.data(), to.size());
    EXPECT_TRUE(to == values);
    release_pages(tensor);  // comes back from the page cache
    to.assign(to.size(), 0);
  }
}

}  // namespace
}  // namespace echo::cuda
