#include "nn/safetensors_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <thread>

#include "base/error.h"
#include "nn/safetensors.h"
#include "support/kill_points.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SafetensorsWriterTest : public ::testing::Test {
 protected:
  SafetensorsWriterTest() {
    std::string name = (fs::temp_directory_path() / "safetensors_writer.XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    folder_ = name;
  }
  ~SafetensorsWriterTest() override { fs::remove_all(folder_); }

  size_t entries() const {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  fs::path folder_;
};

template <class T>
std::span<const std::byte> bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

TEST_F(SafetensorsWriterTest, WritesWhatTheReaderReads) {
  const fs::path path = folder_ / "a.safetensors";
  SafetensorsWriter writer(path,
                           {{"flags", FileDType::kBool, {3}},
                            {"half", FileDType::kBFloat16, {1, 2}},
                            {"full", FileDType::kFloat32, {2, 2}},
                            {"scalar", FileDType::kInt64, {}},
                            {"none", FileDType::kFloat32, {0, 5}}},
                           {{"format", "pt"}});
  writer.write(2, 8, bytes_of<float>({3, 4}));  // parts in any order
  writer.write(0, 0, bytes_of<uint8_t>({1, 0, 1}));
  writer.write(2, 0, bytes_of<float>({1, 2}));
  writer.write(3, 0, bytes_of<int64_t>({-5}));
  EXPECT_FALSE(fs::exists(path)) << "not before it is whole";
  writer.commit();
  EXPECT_EQ(entries(), 1u);

  const auto file = SafetensorsFile::open(path);
  EXPECT_EQ(file->bytes(), writer.bytes());
  EXPECT_EQ(file->tensors().size(), 5u);
  EXPECT_THAT(file->tensor("full").to_float32(), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(file->tensor("full").shape, ElementsAre(2, 2));
  EXPECT_THAT(file->tensor("half").to_float32(), ElementsAre(0, 0)) << "never written: zero";
  EXPECT_THAT(file->tensor("flags").to_bools(), ElementsAre(1, 0, 1));
  EXPECT_THAT(file->tensor("scalar").to_int64(), ElementsAre(-5));
  EXPECT_EQ(file->metadata().at("format"), "pt");
}

TEST_F(SafetensorsWriterTest, LeavesNothingWithoutCommit) {
  {
    SafetensorsWriter writer(folder_ / "a", {{"x", FileDType::kFloat32, {4}}}, {});
    EXPECT_EQ(entries(), 1u);
  }
  EXPECT_EQ(entries(), 0u);
}

TEST_F(SafetensorsWriterTest, ReplacesOnlyAtCommit) {
  const fs::path path = folder_ / "a";
  for (const float value : {1.0f, 2.0f}) {
    SafetensorsWriter writer(path, {{"x", FileDType::kFloat32, {1}}}, {});
    writer.write(0, 0, bytes_of<float>({value}));
    if (value == 2) {
      EXPECT_THAT(SafetensorsFile::open(path)->tensor("x").to_float32(), ElementsAre(1));
    }
    writer.commit();
  }
  EXPECT_THAT(SafetensorsFile::open(path)->tensor("x").to_float32(), ElementsAre(2));
}

TEST_F(SafetensorsWriterTest, RefusesPlansThatCannotBe) {
  const auto code = [&](std::vector<PlannedTensor> tensors) {
    try {
      SafetensorsWriter(folder_ / "a", std::move(tensors), {});
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  };
  const FileDType f32 = FileDType::kFloat32;
  EXPECT_EQ(code({{"x", f32, {1}}, {"x", f32, {1}}}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({{"__metadata__", f32, {1}}}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({{"x", f32, {-1}}}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({{"x", f32, {int64_t{1} << 32, int64_t{1} << 32}}}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({{"x", f32, {int64_t{1} << 60}}, {"y", f32, {int64_t{1} << 60}}}),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({{"x", FileDType::kOther, {1}}}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(entries(), 0u);
  try {
    SafetensorsWriter(folder_ / "no" / "a", {}, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    EXPECT_THAT(error.what(), HasSubstr("no/a: cannot create the file"));
  }
}

TEST_F(SafetensorsWriterTest, RefusesToWritePastATensor) {
  SafetensorsWriter writer(folder_ / "a", {{"x", FileDType::kFloat32, {2}}}, {});
  EXPECT_THROW(writer.write(0, 4, bytes_of<float>({1, 2})), Error);
  EXPECT_THROW(writer.write(0, 9, {}), Error);
  EXPECT_THROW(writer.write(0, ~uint64_t{0}, bytes_of<float>({1})), Error);
}

TEST_F(SafetensorsWriterTest, SaysWhenTheDiskTakesNoMore) {
  // A limit on file sizes stands in for a full disk: pwrite fails half way in the same manner.
  const auto old_action = ::signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit = {};
  ::getrlimit(RLIMIT_FSIZE, &old_limit);
  const rlimit limit = {1 << 20, old_limit.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  std::string message;
  try {
    SafetensorsWriter writer(folder_ / "a", {{"x", FileDType::kBool, {2 << 20}}}, {});
    writer.write(0, 0, bytes_of(std::vector<uint8_t>(2 << 20, 1)));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    message = error.what();
  }
  ::setrlimit(RLIMIT_FSIZE, &old_limit);
  ::signal(SIGXFSZ, old_action);
  EXPECT_THAT(message, HasSubstr("cannot write"));
  EXPECT_EQ(entries(), 0u);
}

TEST_F(SafetensorsWriterTest, KilledAtAnyCallTheNextOneWrites) {
  const auto write = [&](float value) {
    SafetensorsWriter writer(folder_ / "a", {{"x", FileDType::kFloat32, {1}}}, {});
    writer.write(0, 0, bytes_of<float>({value}));
    writer.commit(true);
  };
  const auto value = [&] { return SafetensorsFile::open(folder_ / "a")->tensor("x").to_float32(); };
  const int killed = kill_at_every_point(
      KillPoints::kEveryCall, {.prepare = [&] { write(1); },
                               .work = [&] { write(2); },
                               .check =
                                   [&](int killed_at) {
                                     EXPECT_THAT(value(), AnyOf(ElementsAre(1), ElementsAre(2)))
                                         << killed_at;
                                     write(3);
                                     EXPECT_THAT(value(), ElementsAre(3)) << killed_at;
                                   }});
  if (killed < 0) GTEST_SKIP() << "processes may not be traced here";
  EXPECT_GE(killed, 8) << "open, lock, write, cut, flush, rename, close at least";
}

TEST_F(SafetensorsWriterTest, TakesPartsFromManyThreads) {
  SafetensorsWriter writer(folder_ / "a", {{"x", FileDType::kInt32, {64, 1000}}}, {});
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&writer, t] {
        for (int row = t; row < 64; row += 4) {
          writer.write(0, static_cast<uint64_t>(row) * 4000,
                       bytes_of(std::vector<int32_t>(1000, row)));
        }
      });
    }
  }
  writer.commit();
  const auto values = SafetensorsFile::open(folder_ / "a")->tensor("x").to_int64();
  for (size_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], static_cast<int64_t>(i / 1000));
}

}  // namespace
}  // namespace echo
