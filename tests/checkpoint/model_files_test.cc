#include "checkpoint/model_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "models/pca_state.h"
#include "support/golden.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Writes a safetensors file with one tensor and these values.
void write_tensor(const fs::path& path, const std::string& name, const std::string& shape = "[0]",
                  const std::vector<float>& values = {}) {
  const size_t bytes = values.size() * sizeof(float);
  std::string header = "{\"" + name + R"(":{"dtype":"F32","shape":)" + shape +
                       R"(,"data_offsets":[0,)" + std::to_string(bytes) + "]}}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const uint64_t length = header.size();
  fs::create_directories(path.parent_path());
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(&length), 8);
  out << header;
  out.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(bytes));
}

class ModelFilesTest : public ::testing::Test {
 protected:
  ModelFilesTest() {
    std::string name = (fs::temp_directory_path() / "model_files_test.XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    folder_ = name;
  }
  ~ModelFilesTest() override { fs::remove_all(folder_); }

  void dit(const fs::path& path) const { write_tensor(folder_ / path, "cond_module.0.weight"); }
  void dac(const fs::path& path) const {
    write_tensor(folder_ / path, "quantizer.semantic_quantizer.quantizers.0.codebook.weight");
  }
  void pca(const fs::path& path) const { write_tensor(folder_ / path, "pca_components"); }

  void expect_found(const fs::path& dit, const fs::path& codec, const fs::path& pca) const {
    const ModelFiles files = find_model_files(folder_);
    EXPECT_EQ(files.dit, folder_ / dit);
    EXPECT_EQ(files.codec, folder_ / codec);
    EXPECT_EQ(files.pca, folder_ / pca);
  }
  std::string refusal(ErrorCode code) const {
    try {
      find_model_files(folder_);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_THAT(error.what(), HasSubstr("model " + folder_.string()));
      return error.what();
    }
    ADD_FAILURE() << "was accepted";
    return "";
  }

  fs::path folder_;
};

TEST_F(ModelFilesTest, FindsTheRepositoriesSideBySide) {
  dit("echo-tts-base/pytorch_model.safetensors");
  pca("echo-tts-base/pca_state.safetensors");
  dac("fish-s1-dac-min/pytorch_model.safetensors");
  dit("dit.safetensors");  // would be next
  expect_found("echo-tts-base/pytorch_model.safetensors",
               "fish-s1-dac-min/pytorch_model.safetensors", "echo-tts-base/pca_state.safetensors");
}

TEST_F(ModelFilesTest, FindsClearNamesInOneFolder) {
  dit("dit.safetensors");
  dac("dac.safetensors");
  pca("pca_state.safetensors");
  write_tensor(folder_ / "outputs.safetensors", "cond_module.0.weight");
  expect_found("dit.safetensors", "dac.safetensors", "pca_state.safetensors");
}

TEST_F(ModelFilesTest, TellsFilesOfAnyNameApart) {
  dit("pytorch_model (1).safetensors");
  dac("pytorch_model.safetensors");
  pca("x.safetensors");
  std::ofstream(folder_ / "readme.txt") << "not looked at";
  expect_found("pytorch_model (1).safetensors", "pytorch_model.safetensors", "x.safetensors");
  dit("another.safetensors");
  EXPECT_THAT(refusal(ErrorCode::kInvalidArgument),
              HasSubstr("both another.safetensors and pytorch_model (1).safetensors hold"));
}

TEST_F(ModelFilesTest, FindsTheHubsCache) {
  const std::string base = "hub/models--jordand--echo-tts-base/",
                    codec = "hub/models--jordand--fish-s1-dac-min/";
  // As the hub's client lays it out: snapshots link to blobs, refs/main names the snapshot.
  dit(base + "blobs/aaa");
  pca(base + "blobs/bbb");
  dac(codec + "snapshots/0123abcd/pytorch_model.safetensors");
  fs::create_directories(folder_ / base / "snapshots/0123");
  fs::create_directories(folder_ / base / "refs");
  fs::create_symlink("../../blobs/aaa",
                     folder_ / base / "snapshots/0123/pytorch_model.safetensors");
  fs::create_symlink("../../blobs/bbb", folder_ / base / "snapshots/0123/pca_state.safetensors");
  dit(base + "snapshots/9999/pytorch_model.safetensors");
  std::ofstream(folder_ / base / "refs/main") << "0123\n";
  expect_found(base + "snapshots/0123/pytorch_model.safetensors",
               codec + "snapshots/0123abcd/pytorch_model.safetensors",
               base + "snapshots/0123/pca_state.safetensors");

  for (const char* bad : {"", "../../..", "8888"}) {
    std::ofstream(folder_ / base / "refs/main") << bad;
    EXPECT_THAT(refusal(ErrorCode::kInvalidArgument), HasSubstr("found 2 revisions")) << bad;
  }
  fs::remove_all(folder_ / base / "snapshots/9999");
  expect_found(base + "snapshots/0123/pytorch_model.safetensors",
               codec + "snapshots/0123abcd/pytorch_model.safetensors",
               base + "snapshots/0123/pca_state.safetensors");

  fs::create_directories(folder_ / "models--other--echo-tts-base");
  fs::copy(folder_ / base, folder_ / "models--other--echo-tts-base",
           fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  EXPECT_THAT(refusal(ErrorCode::kInvalidArgument), HasSubstr("expected one of them"));
}

TEST_F(ModelFilesTest, NamesAllThatIsMissingAndWhereItLooked) {
  dit("echo-tts-base/pytorch_model.safetensors");
  EXPECT_THAT(refusal(ErrorCode::kNotFound),
              AllOf(HasSubstr("the S1-DAC codec: looked for fish-s1-dac-min/pytorch_model."),
                    HasSubstr("the PCA state: looked for"), Not(HasSubstr("the EchoDiT")),
                    Not(HasSubstr("\n"))));
  // A dangling link and a directory are no files.
  fs::create_symlink("gone", folder_ / "dac.safetensors");
  fs::create_directories(folder_ / "echo-tts-base/pca_state.safetensors");
  EXPECT_THAT(refusal(ErrorCode::kNotFound),
              AllOf(HasSubstr("the S1-DAC codec"), HasSubstr("the PCA state")));
}

TEST_F(ModelFilesTest, RefusesWhatIsNotAFolder) {
  folder_ /= "absent";
  refusal(ErrorCode::kNotFound);
  std::ofstream(folder_) << "x";
  EXPECT_THAT(refusal(ErrorCode::kInvalidArgument), HasSubstr("expected a directory"));
  fs::remove(folder_);
  fs::create_symlink(folder_, folder_);
  refusal(ErrorCode::kNotFound);
  fs::remove(folder_);
  folder_ = folder_.parent_path();
}

TEST_F(ModelFilesTest, NamesAFileThatIsCutOrNoSafetensors) {
  std::ofstream(folder_ / "model.safetensors") << "PK\x03\x04 and so on and on";
  try {
    find_model_files(folder_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
    EXPECT_THAT(error.what(), HasSubstr("model.safetensors"));
  }
}

TEST_F(ModelFilesTest, GoldenFolderIsAModel) {
  const ModelFiles files = find_model_files(golden("tiny").folder());
  EXPECT_EQ(files.dit.filename(), "dit.safetensors");
  const PcaState pca = read_pca_state(Weights::open(files.pca));
  EXPECT_EQ(pca.latent_size, 80);
  EXPECT_EQ(pca.width, 128);
  EXPECT_EQ(pca.components.size(), 80u * 128);
  EXPECT_EQ(pca.mean.size(), 128u);
  EXPECT_EQ(pca.scale, 1.0f / 18);
}

// Serialises the three tensors with the given shapes; the values follow.
std::string pca_bytes(const std::string& components, const std::string& mean,
                      const std::string& scale, float scale_value) {
  const float values[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, scale_value};
  std::string header = R"({"pca_components":{"dtype":"F32","shape":)" + components +
                       R"(,"data_offsets":[0,24]},"pca_mean":{"dtype":"F32","shape":)" + mean +
                       R"(,"data_offsets":[24,36]},"latent_scale":{"dtype":"F32","shape":)" +
                       scale + R"(,"data_offsets":[36,40]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const uint64_t length = header.size();
  std::string bytes(reinterpret_cast<const char*>(&length), 8);
  return bytes + header + std::string(reinterpret_cast<const char*>(values), sizeof values);
}

TEST(PcaState, AcceptsAScalarInEitherShape) {
  for (const char* shape : {"[]", "[1]"}) {
    const std::string bytes = pca_bytes("[2,3]", "[3]", shape, 0.5f);
    const PcaState state = read_pca_state(
        Weights(SafetensorsFile::from_bytes(std::as_bytes(std::span(bytes)), "pca")));
    EXPECT_EQ(state.latent_size, 2);
    EXPECT_EQ(state.width, 3);
    EXPECT_THAT(state.mean, ::testing::ElementsAre(7, 8, 9));
    EXPECT_EQ(state.scale, 0.5f);
  }
}

TEST(PcaState, RefusesWrongShapesAndScales) {
  const auto refusal = [](const std::string& bytes) -> std::string {
    try {
      read_pca_state(Weights(SafetensorsFile::from_bytes(std::as_bytes(std::span(bytes)), "pca")));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
      return error.what();
    }
    return "accepted";
  };
  EXPECT_THAT(refusal(pca_bytes("[3,2]", "[3]", "[1]", 1)),
              HasSubstr("\"pca_mean\" found [3], expected [2]"));
  EXPECT_THAT(refusal(pca_bytes("[6]", "[3]", "[1]", 1)), HasSubstr("expected 2 axes"));
  EXPECT_THAT(refusal(pca_bytes("[2,3]", "[3]", "[1,1]", 1)),
              HasSubstr("\"latent_scale\" found [1, 1], expected [1]"));
  for (const float scale : {0.0f, NAN, INFINITY}) {
    EXPECT_THAT(refusal(pca_bytes("[2,3]", "[3]", "[1]", scale)), HasSubstr("finite number"));
  }
}

}  // namespace
}  // namespace echo
