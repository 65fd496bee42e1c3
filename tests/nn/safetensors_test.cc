#include "nn/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <thread>

#include "base/error.h"
#include "nn/float16.h"
#include "safetensors_bytes.h"
#include "support/paths.h"
#include "support/thrown_error.h"
#include "tensor/dtype.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <class T>
std::string raw(std::vector<T> values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

// A folder of this test, empty at its start and gone at its end.
class SafetensorsFileTest : public ::testing::Test {
 protected:
  SafetensorsFileTest() {
    std::string name = (fs::temp_directory_path() / "safetensors_test.XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    folder_ = name;
  }
  ~SafetensorsFileTest() override { fs::remove_all(folder_); }

  fs::path write(const std::string& name, const std::string& bytes) const {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return folder_ / name;
  }
  Error error_of(const fs::path& path) const {
    return echo::error_of([&] { SafetensorsFile::open(path); });
  }

  fs::path folder_;
};

TEST(Safetensors, ReadsEveryTypeItKnows) {
  const std::string header = R"({"__metadata__":{"format":"pt"},)"
                             R"("wide":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},)"
                             R"("full":{"dtype":"F32","shape":[1,2],"data_offsets":[16,24]},)"
                             R"("ints":{"dtype":"I32","shape":[2],"data_offsets":[24,32]},)"
                             R"("brain":{"dtype":"BF16","shape":[2],"data_offsets":[32,36]},)"
                             R"("half":{"dtype":"F16","shape":[2],"data_offsets":[36,40]},)"
                             R"("flags":{"dtype":"BOOL","shape":[3],"data_offsets":[40,43]},)"
                             R"("scalar":{"dtype":"BOOL","shape":[],"data_offsets":[43,44]},)"
                             R"("none":{"dtype":"F32","shape":[4,0,2],"data_offsets":[44,44]}})";
  const AlignedBytes bytes(padded_safetensors(
      header, raw<int64_t>({-1, int64_t{1} << 40}) + raw<float>({1.5f, -2.25f}) +
                  raw<int32_t>({7, -8}) + raw<uint16_t>({0x3fc0, 0xc010}) +
                  raw<uint16_t>({0x3e00, 0xc080}) + raw<uint8_t>({0, 1, 2}) + raw<uint8_t>({1})));
  const auto file = SafetensorsFile::from_bytes(bytes.span(), "mem");

  EXPECT_THAT(file->tensor("wide").to_int64(), ElementsAre(-1, int64_t{1} << 40));
  EXPECT_THAT(file->tensor("full").to_float32(), ElementsAre(1.5f, -2.25f));
  EXPECT_THAT(file->tensor("full").shape, ElementsAre(1, 2));
  EXPECT_THAT(file->tensor("ints").to_int64(), ElementsAre(7, -8));
  EXPECT_THAT(file->tensor("brain").to_float32(), ElementsAre(1.5f, -2.25f));
  EXPECT_THAT(file->tensor("half").to_float32(), ElementsAre(1.5f, -2.25f));
  EXPECT_THAT(file->tensor("flags").to_bools(), ElementsAre(0, 1, 1));
  EXPECT_EQ(file->tensor("scalar").elements(), 1);
  EXPECT_EQ(file->tensor("none").elements(), 0);
  EXPECT_THAT(file->tensor("none").to_float32(), ElementsAre());
  EXPECT_EQ(file->metadata().at("format"), "pt");
  EXPECT_EQ(file->tensors().size(), 8u);
  EXPECT_EQ(file->find("absent"), nullptr);
}

TEST(Safetensors, KeepsTypesItDoesNotReadUntilTheyAreAskedFor) {
  const std::string header = R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},)"
                             R"("b":{"dtype":"F4","shape":[16],"data_offsets":[8,16]}})";
  const AlignedBytes bytes(padded_safetensors(header, std::string(16, '\0')));
  const auto file = SafetensorsFile::from_bytes(bytes.span(), "mem");
  EXPECT_EQ(file->tensor("a").dtype, FileDType::kOther);
  for (const char* name : {"a", "b"}) {
    try {
      file->tensor(name).to_float32();
      FAIL() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
      EXPECT_THAT(error.what(), HasSubstr(std::string("mem: tensor \"") + name + '"'));
      EXPECT_THAT(error.what(), HasSubstr("expected F32, BF16 or F16"));
    }
  }
  EXPECT_THROW(file->tensor("a").to_int64(), Error);
  EXPECT_THROW(file->tensor("a").to_bools(), Error);
}

TEST(Safetensors, ConvertsEveryHalfExactly) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const uint32_t exponent = bits >> 10 & 0x1f, fraction = bits & 0x3ff;
    const double sign = bits & 0x8000 ? -1 : 1;
    const float value = float16_to_float(static_cast<uint16_t>(bits));
    EXPECT_EQ(std::signbit(value), sign < 0);
    if (exponent == 31) {
      EXPECT_EQ(std::isnan(value), fraction != 0);
      EXPECT_EQ(std::isinf(value), fraction == 0);
    } else {
      const double expected = exponent == 0 ? std::ldexp(fraction, -24)
                                            : std::ldexp(1024 + fraction, int(exponent) - 25);
      EXPECT_EQ(value, sign * expected);
    }
  }
}

TEST(Safetensors, NamesTheTensorThatIsNotThere) {
  const AlignedBytes bytes(safetensors_bytes("{}"));
  const auto file = SafetensorsFile::from_bytes(bytes.span(), "model.safetensors");
  try {
    file->tensor("blocks.3.wq");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    EXPECT_STREQ(error.what(), "model.safetensors: no tensor \"blocks.3.wq\"");
  }
}

TEST(Safetensors, ExpectShapeNamesFoundAndExpected) {
  const AlignedBytes bytes(
      safetensors_bytes(R"({"w":{"dtype":"U8","shape":[2,3],"data_offsets":[0,6]}})", 6));
  const auto file = SafetensorsFile::from_bytes(bytes.span(), "f");
  expect_shape(file->tensor("w"), std::vector<int64_t>{2, 3});
  try {
    expect_shape(file->tensor("w"), std::vector<int64_t>{3, 2});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
    EXPECT_STREQ(error.what(), "f: tensor \"w\": found shape [2, 3], expected [3, 2]");
  }
}

struct Malformed {
  const char* name;
  std::string bytes;
  const char* says;
};

std::string one(const char* fields, size_t data = 0) {
  return safetensors_bytes(std::string("{\"a\":{") + fields + "}}", data);
}
std::string two(const char* a, const char* b, size_t data) {
  return safetensors_bytes(
      std::string("{\"a\":{\"dtype\":\"U8\",") + a + "},\"b\":{\"dtype\":\"U8\"," + b + "}}", data);
}
std::string length_only(uint64_t length, const char* rest) {
  std::string bytes(reinterpret_cast<const char*>(&length), 8);
  return bytes + rest;
}

const std::vector<Malformed>& malformed_files() {
  static const std::vector<Malformed> files = {
      {"nothing", "", "found 0 bytes"},
      {"seven bytes", "1234567", "found 7 bytes"},
      {"no header", std::string(8, '\0'), "does not begin with '{'"},
      {"length past the file", length_only(3, "{}"), "cut within its header"},
      {"length past the limit", length_only(100'000'001, "{}"), "found a header of 100000001"},
      {"length of all ones", length_only(~uint64_t{0}, "{}"), "18446744073709551615"},
      {"length of a sign bit", length_only(uint64_t{1} << 63, "{}"), "9223372036854775808"},
      {"a pickle", length_only(2, "\x80\x02"), "does not begin with '{'"},
      {"space before the brace", safetensors_bytes(" {}"), "does not begin with '{'"},
      {"cut JSON", safetensors_bytes(R"({"a":{"dtype":"F32")"), "not valid JSON"},
      {"two documents", safetensors_bytes("{}{}"), "not valid JSON"},
      {"zero byte in the header", safetensors_bytes(std::string("{}\0", 3)), "not valid JSON"},
      {"invalid UTF-8", safetensors_bytes("{\"\xff\":1}"), "not valid JSON"},
      {"deep nesting", safetensors_bytes("{\"a\":" + std::string(100000, '[')), "an array"},
      {"deep objects", safetensors_bytes([] {
         std::string text;
         for (int i = 0; i < 100000; ++i) text += "{\"dtype\":";
         return text;
       }()),
       "an object"},
      {"tensor is a number", safetensors_bytes(R"({"a":1})"), "a number"},
      {"tensor is null", safetensors_bytes(R"({"a":null})"), "null"},
      {"tensor is text", safetensors_bytes(R"({"a":"b"})"), "a string"},
      {"tensor is a boolean", safetensors_bytes(R"({"a":true})"), "a boolean"},
      {"no dtype", one(R"("shape":[0],"data_offsets":[0,0])"), "no \"dtype\""},
      {"no shape", one(R"("dtype":"F32","data_offsets":[0,0])"), "no \"shape\""},
      {"no offsets", one(R"("dtype":"F32","shape":[0])"), "no \"data_offsets\""},
      {"unknown field", one(R"("dtype":"F32","shape":[0],"data_offsets":[0,0],"x":1)"),
       "unknown field \"x\""},
      {"dtype is a number", one(R"("dtype":1,"shape":[0],"data_offsets":[0,0])"), "a number"},
      {"dtype is an array", one(R"("dtype":["F32"],"shape":[0],"data_offsets":[0,0])"), "an array"},
      {"shape is a number", one(R"("dtype":"F32","shape":0,"data_offsets":[0,0])"), "a number"},
      {"shape holds an array", one(R"("dtype":"F32","shape":[[0]],"data_offsets":[0,0])"),
       "an array"},
      {"shape holds text", one(R"("dtype":"F32","shape":["0"],"data_offsets":[0,0])"), "a string"},
      {"negative dimension", one(R"("dtype":"F32","shape":[-1],"data_offsets":[0,0])"),
       "a negative number"},
      {"fractional dimension", one(R"("dtype":"F32","shape":[1.0],"data_offsets":[0,4])", 4),
       "not a whole one"},
      {"dimension past 64 bits",
       one(R"("dtype":"U8","shape":[18446744073709551616],"data_offsets":[0,0])"),
       "not a whole one"},
      {"nine dimensions",
       one(R"("dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1])", 1),
       "more than 8 numbers"},
      {"dimension past the sign",
       one(R"("dtype":"U8","shape":[9223372036854775808],)"
           R"("data_offsets":[0,0])"),
       "too large"},
      {"product wraps to the right size",
       one(R"("dtype":"F32","shape":[4294967296,4294967296,1],"data_offsets":[0,0])"), "too large"},
      {"product wraps behind a zero",
       one(R"("dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,0])"), "too large"},
      {"one offset", one(R"("dtype":"F32","shape":[0],"data_offsets":[0])"), "has 1 numbers"},
      {"three offsets", one(R"("dtype":"F32","shape":[0],"data_offsets":[0,0,0])"),
       "more than 2 numbers"},
      {"offsets in reverse", one(R"("dtype":"U8","shape":[4],"data_offsets":[4,0])", 4),
       "found bytes 4 to 0"},
      {"offsets past the end", one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])", 4),
       "the 4 bytes of data"},
      {"offsets of all ones",
       one(R"("dtype":"U8","shape":[0],"data_offsets":[18446744073709551615,18446744073709551615])"),
       "expected a range"},
      {"too few bytes", one(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])", 4),
       "found 4 bytes, expected 8"},
      {"too many bytes", one(R"("dtype":"BF16","shape":[1],"data_offsets":[0,4])", 4),
       "found 4 bytes, expected 2"},
      {"not aligned",
       safetensors_bytes(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4),
       "expected a multiple of the 4 bytes"},
      {"overlap",
       two(R"("shape":[4],"data_offsets":[0,4])", R"("shape":[4],"data_offsets":[2,6])", 6),
       "\"a\" and \"b\" overlap"},
      {"same bytes",
       two(R"("shape":[4],"data_offsets":[0,4])", R"("shape":[4],"data_offsets":[0,4])", 4),
       "overlap"},
      {"a hole",
       two(R"("shape":[2],"data_offsets":[0,2])", R"("shape":[2],"data_offsets":[4,6])", 6),
       "a hole of 2 bytes before tensor \"b\""},
      {"a hole in front", one(R"("dtype":"U8","shape":[2],"data_offsets":[2,4])", 4), "a hole"},
      {"bytes after the last", one(R"("dtype":"U8","shape":[2],"data_offsets":[0,2])", 5),
       "found 3 bytes after"},
      {"data without tensors", safetensors_bytes("{}", 1), "found 1 bytes after"},
      {"name comes twice",
       safetensors_bytes(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
                         R"("a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})"),
       "\"a\" comes twice"},
      {"escaped name comes twice",
       safetensors_bytes(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
                         R"("\u0061":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})"),
       "\"a\" comes twice"},
      {"field comes twice", one(R"("dtype":"F32","dtype":"F32","shape":[0],"data_offsets":[0,0])"),
       "comes twice"},
      {"shape comes twice", one(R"("dtype":"F32","shape":[0],"shape":[0],"data_offsets":[0,0])"),
       "comes twice"},
      {"metadata comes twice", safetensors_bytes(R"({"__metadata__":{},"__metadata__":{}})"),
       "comes twice"},
      {"metadata key comes twice", safetensors_bytes(R"({"__metadata__":{"a":"","a":""}})"),
       "comes twice"},
      {"metadata is text", safetensors_bytes(R"({"__metadata__":"pt"})"), "a string"},
      {"metadata holds a number", safetensors_bytes(R"({"__metadata__":{"a":1}})"), "a number"},
      {"metadata holds an object", safetensors_bytes(R"({"__metadata__":{"a":{}}})"), "an object"},
  };
  return files;
}

TEST(Safetensors, RefusesMalformedFilesSayingWhatIsWrong) {
  for (const Malformed& file : malformed_files()) {
    SCOPED_TRACE(file.name);
    const AlignedBytes bytes(file.bytes);
    try {
      SafetensorsFile::from_bytes(bytes.span(), "model.safetensors");
      ADD_FAILURE() << "was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCorrupt) << error.what();
      EXPECT_THAT(error.what(), HasSubstr("model.safetensors: "));
      EXPECT_THAT(error.what(), HasSubstr(file.says));
      EXPECT_THAT(error.what(), ::testing::Not(HasSubstr("\n")));
    }
  }
}

TEST(Safetensors, MessagesHoldNoRawBytesOfAName) {
  const AlignedBytes bytes(safetensors_bytes("{\"" + std::string(5000, 'x') +
                                             "\\u001b[2J\":{\"dtype\":\"F32\",\"shape\":[1]}}"));
  try {
    SafetensorsFile::from_bytes(bytes.span(), "f");
    FAIL();
  } catch (const Error& error) {
    EXPECT_LT(std::string(error.what()).size(), 300u);
  }
  EXPECT_EQ(quoted_name("a\x1b[2J\"\xc3\xa9"), "\"a?[2J???\"");
}

TEST(Safetensors, EveryCutOfAGoodFileIsRefused) {
  const std::string whole =
      padded_safetensors(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                         R"("b":{"dtype":"BF16","shape":[2,2],"data_offsets":[8,16]}})",
                         std::string(16, 'x'));
  SafetensorsFile::from_bytes(AlignedBytes(whole).span(), "whole");
  for (size_t length = 0; length < whole.size(); ++length) {
    const AlignedBytes bytes(whole.substr(0, length));
    EXPECT_THROW(SafetensorsFile::from_bytes(bytes.span(), "cut"), Error) << length;
  }
}

TEST(Safetensors, SeedsOfTheFuzzerOpenOrAreRefused) {
  int seen = 0;
  int good = 0;
  for (const auto& entry : fs::directory_iterator(source_path("/tests/nn/corpus"))) {
    ++seen;
    try {
      good += SafetensorsFile::open(entry.path()) != nullptr;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCorrupt) << error.what();
    }
  }
  EXPECT_GE(good, 3);
  EXPECT_GT(seen, good);
}

TEST_F(SafetensorsFileTest, OpensAFileAndReleasesItsPages) {
  std::vector<float> values(100000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const auto path = write(
      "good.safetensors",
      padded_safetensors(R"({"a":{"dtype":"F32","shape":[100000],"data_offsets":[0,400000]}})",
                         raw(values)));
  const auto file = SafetensorsFile::open(path);
  const TensorView& tensor = file->tensor("a");
  EXPECT_EQ(file->path(), path.string());
  EXPECT_EQ(tensor.label(), path.string() + ": tensor \"a\"");
  prefetch(tensor);
  EXPECT_EQ(tensor.to_float32(), values);
  release_pages(tensor);
  EXPECT_EQ(tensor.to_float32(), values);
}

// Pages that no file stands behind would come back as zeros.
TEST(Safetensors, ReleasesNothingThatIsNotMapped) {
  const std::vector<float> values(100000, 2.5f);
  const AlignedBytes bytes(padded_safetensors(
      R"({"a":{"dtype":"F32","shape":[100000],"data_offsets":[0,400000]}})", raw(values)));
  const auto file = SafetensorsFile::from_bytes(bytes.span(), "mem");
  release_pages(file->tensor("a"));
  EXPECT_EQ(file->tensor("a").to_float32(), values);
}

TEST_F(SafetensorsFileTest, ReleasedPagesLeaveTheProcess) {
  const size_t count = 4 << 20;
  const auto path =
      write("big.safetensors", padded_safetensors(R"({"a":{"dtype":"U8","shape":[4194304],)"
                                                  R"("data_offsets":[0,4194304]}})",
                                                  std::string(count, 'x')));
  const auto file = SafetensorsFile::open(path);
  const TensorView& tensor = file->tensor("a");
  const auto resident_kb = [&] {
    // The Rss line of this mapping alone, so that the allocator plays no part.
    std::ifstream maps("/proc/self/smaps");
    std::string line;
    bool here = false;
    while (std::getline(maps, line)) {
      if (line.find("big.safetensors") != std::string::npos) here = true;
      if (here && line.rfind("Rss:", 0) == 0) return std::stol(line.substr(4));
    }
    return -1L;
  };
  int sum = 0;
  for (const std::byte value : tensor.bytes) sum += std::to_integer<int>(value);
  EXPECT_EQ(sum, static_cast<int>(count) * 'x');
  EXPECT_GE(resident_kb(), 4096);
  release_pages(tensor);
  EXPECT_EQ(resident_kb(), 0);
}

TEST_F(SafetensorsFileTest, ViewsOutliveTheRenameOfTheirFile) {
  const auto path =
      write("a.safetensors",
            padded_safetensors(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                               raw<float>({3.5f})));
  const auto file = SafetensorsFile::open(path);
  write("b.safetensors", "other");
  fs::rename(folder_ / "b.safetensors", path);
  EXPECT_THAT(file->tensor("a").to_float32(), ElementsAre(3.5f));
}

TEST_F(SafetensorsFileTest, NamesWhatIsNotAFile) {
  EXPECT_EQ(error_of(folder_ / "absent").code(), ErrorCode::kNotFound);
  EXPECT_EQ(error_of(write("x", "y") / "below").code(), ErrorCode::kNotFound);
  EXPECT_EQ(error_of(folder_).code(), ErrorCode::kCorrupt);
  EXPECT_THAT(error_of(folder_).what(), HasSubstr("found a directory"));
  EXPECT_EQ(error_of(write("empty", "")).code(), ErrorCode::kCorrupt);
  EXPECT_THAT(error_of(folder_ / "empty").what(), HasSubstr("the file is empty"));

  fs::create_symlink(folder_ / "loop", folder_ / "loop");
  EXPECT_EQ(error_of(folder_ / "loop").code(), ErrorCode::kNotFound);
  ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  EXPECT_THAT(error_of(folder_ / "fifo").what(), HasSubstr("a special file"));
  EXPECT_EQ(error_of("/dev/null").code(), ErrorCode::kCorrupt);
  if (::geteuid() != 0) {
    fs::permissions(write("secret", "x"), fs::perms::none);
    EXPECT_EQ(error_of(folder_ / "secret").code(), ErrorCode::kUnavailable);
  }
}

TEST_F(SafetensorsFileTest, RefusesATwoGigabyteFileOfZerosAtOnce) {
  const auto path = write("zeros", "");
  fs::resize_file(path, uint64_t{2} << 30);
  EXPECT_EQ(error_of(path).code(), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace echo
