#include "engine/model_pack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "base/error.h"
#include "base/file_io.h"
#include "checkpoint/random_checkpoint.h"
#include "engine/content_hash.h"
#include "engine/model_defaults.h"
#include "engine/model_identity.h"
#include "engine/sample_voices.h"
#include "engine_fixture.h"
#include "nn/safetensors_writer.h"
#include "support/temp_dir.h"
#include "support/thrown_error.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// A tiny model in bfloat16 with a codec in float32, as published.
class ModelPack : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TempDir;
    files_ = write_random_checkpoint(*folder_ / "model", {});
  }
  static void TearDownTestSuite() { delete folder_; }

  ModelPackOptions options(PackLayout layout) const {
    ModelPackOptions options;
    options.files = files_;
    options.output = dir_ / "model.echo";
    options.layout = layout;
    options.device.kinds = {cpu_device()};
    return options;
  }
  EngineOptions engine_options(const ModelFiles& files) const {
    EngineOptions options = tiny_options();
    options.files = files;
    return options;
  }
  // Speech with a voice, so that every part takes part; in two blocks.
  std::vector<float> speak(EngineOptions options) const {
    SpeechRequest request = short_request(5);
    request.voice = recorded_voice("nearly_chunk");
    request.parameters.block_sizes = {4, 4};
    return Engine::load(options)->speak(request).samples;
  }
  ModelFiles packed() const { return find_model_files(dir_ / "model.echo"); }

  static TempDir* folder_;
  static ModelFiles files_;
  TempDir dir_;
};
TempDir* ModelPack::folder_ = nullptr;
ModelFiles ModelPack::files_;

TEST_F(ModelPack, SpeaksExactlyAsWhatWasPacked) {
  const std::vector<float> expected = speak(engine_options(files_));
  ASSERT_FALSE(expected.empty());
  for (const PackLayout layout : {PackLayout::kPlain, PackLayout::kNative}) {
    const ModelPackResult result = pack_model(options(layout));
    EXPECT_EQ(result.bytes, fs::file_size(dir_ / "model.echo"));
    EXPECT_LT(result.bytes, result.source_bytes) << "buffers are left out";
    if (layout == PackLayout::kPlain) {
      EXPECT_EQ(result.matrices, 0u);
    }
    EXPECT_EQ(speak(engine_options(packed())), expected);
  }
}

// A packed file, to be damaged in one place at a time.
class DamagedPack {
 public:
  explicit DamagedPack(const fs::path& path) : path_(path), good_(read_file(path)) {}
  const std::string& good() const { return good_; }

  std::string changed(const std::string& from, const std::string& to) const {
    std::string bytes = good_;
    const size_t at = bytes.find(from);
    EXPECT_NE(at, bytes.npos) << from;
    return bytes.replace(at, from.size(), to);
  }
  // What loading those bytes ends with; it names the file.
  Error refusal(const std::string& bytes) const {
    std::ofstream(path_, std::ios::binary) << bytes;
    EngineOptions options = tiny_options();
    const Error error = error_of([&] {
      options.files = find_model_files(path_);
      Engine::load(options);
    });
    EXPECT_THAT(error.what(), HasSubstr("model.echo"));
    return error;
  }

 private:
  const fs::path path_;
  const std::string good_;
};

TEST_F(ModelPack, HasTheModelsOwnDefaults) {
  const fs::path file = files_.dit.parent_path() / std::string(kModelDefaultsFile);
  std::ofstream(file) << R"({"num_steps": 7, "target_duration_seconds": 5})";
  pack_model(options(PackLayout::kPlain));
  fs::remove(file);
  const SpeechParameters parameters = model_defaults(packed());
  EXPECT_EQ(parameters.num_steps, 7);
  EXPECT_EQ(parameters.target_duration_seconds, 5);
  std::ofstream(file) << "[]";
  pack_model(options(PackLayout::kPlain));
  fs::remove(file);
  const Error error = error_of([&] { model_defaults(packed()); });
  EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
  EXPECT_THAT(error.what(), HasSubstr("expected a JSON object"));
  pack_model(options(PackLayout::kPlain));
  EXPECT_EQ(model_defaults(packed()).num_steps, SpeechParameters().num_steps);
}

// A folder voices/ beside the model, gone with this.
class VoicesBeside {
 public:
  explicit VoicesBeside(const ModelFiles& files) : folder_(files.dit.parent_path() / "voices") {
    fs::create_directory(folder_);
  }
  ~VoicesBeside() { fs::remove_all(folder_); }
  void add(const std::string& name, const std::string& bytes) const {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
  }

 private:
  fs::path folder_;
};

TEST_F(ModelPack, HasTheModelsSampleVoices) {
  const std::string flac("fLaC\0\xff of b", 12);
  {
    const VoicesBeside voices(files_);
    voices.add("b.flac", flac);
    voices.add("a.wav", "RIFF of a");
    voices.add("notes.txt", "no recording");
    voices.add(".hidden.wav", "nor this");
    EXPECT_EQ(SampleVoices(files_).list(), "a, b");
    EXPECT_EQ(SampleVoices(files_).find("b"), files_.dit.parent_path() / "voices/b.flac");
    EXPECT_EQ(pack_model(options(PackLayout::kNative)).voices, 2u);
  }
  EXPECT_TRUE(SampleVoices(files_).empty());
  fs::path unpacked;
  {
    SampleVoices copy;
    EXPECT_TRUE(copy.empty());
    {
      const SampleVoices voices(packed());
      EXPECT_THAT(voices.names(), testing::ElementsAre("a.wav", "b.flac"));
      EXPECT_EQ(voices.find("c"), std::nullopt);
      unpacked = voices.folder();
      copy = voices;
    }
    EXPECT_EQ(copy.find("b"), unpacked / "b.flac");
    EXPECT_EQ(copy.find("b.flac"), unpacked / "b.flac");
    std::ifstream in(unpacked / "b.flac", std::ios::binary);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), flac);
  }
  EXPECT_FALSE(fs::exists(unpacked));
  EXPECT_FALSE(speak(engine_options(packed())).empty());
}

TEST_F(ModelPack, LeavesVoicesOutThatAreTooManyOrNotWanted) {
  const VoicesBeside voices(files_);
  for (size_t i = 0; i <= SampleVoices::kMaxPacked; ++i) {
    voices.add(std::to_string(i) + ".wav", "RIFF");
  }
  EXPECT_THAT(error_of([&] { pack_model(options(PackLayout::kPlain)); }).what(),
              HasSubstr("voices: found 65 recordings, expected at most 64"));
  ModelPackOptions without = options(PackLayout::kPlain);
  without.voices = false;
  EXPECT_EQ(pack_model(without).voices, 0u);
  EXPECT_TRUE(SampleVoices(packed()).empty());
}

TEST_F(ModelPack, VoicesOfAFileHaveNamesOfFiles) {
  for (const std::string name : {"../../up.wav", "a/b.wav", ".wav", "", "a.exe"}) {
    SafetensorsWriter writer(dir_ / "model.echo", {{"voices." + name, FileDType::kInt32, {1}}},
                             {{"format", "echo-tts-pack"}, {"version", "1"}});
    writer.commit();
    const Error error = error_of([&] { SampleVoices voices(packed()); });
    EXPECT_EQ(error.code(), ErrorCode::kCorrupt) << name;
    EXPECT_THAT(error.what(), HasSubstr("expected the bytes of a recording"));
  }
  for (const uint32_t size : {5U, 0xffffffffU}) {  // of four bytes that are there
    SafetensorsWriter writer(dir_ / "model.echo", {{"voices.a.wav", FileDType::kInt32, {2}}},
                             {{"format", "echo-tts-pack"}, {"version", "1"}});
    writer.write(0, 0, std::as_bytes(std::span(&size, 1)));
    writer.commit();
    EXPECT_EQ(error_of([&] { SampleVoices voices(packed()); }).code(), ErrorCode::kCorrupt) << size;
  }
}

TEST_F(ModelPack, ANativeFileSpeaksTheSameWhereItIsNotNative) {
  pack_model(options(PackLayout::kNative));
  EngineOptions original = engine_options(files_), native = engine_options(packed());
  original.precision = native.precision = Precision::kFloat32;  // another layout
  EXPECT_EQ(speak(native), speak(original));
}

// Packed in int8 with one block left wide.
class Int8Pack : public ModelPack {
 protected:
  void SetUp() override {
    if (!test_backend()->packs(DType::kInt8)) GTEST_SKIP() << "no products of 8 bits here";
    pack_model(int8_options());
    const auto file = SafetensorsFile::open(dir_ / "model.echo");
    ASSERT_TRUE(
        std::any_of(file->tensors().begin(), file->tensors().end(),
                    [](const TensorView& tensor) { return tensor.layout.starts_with("int8 "); }));
  }
  ModelPackOptions int8_options() const {
    ModelPackOptions int8 = options(PackLayout::kNative);
    int8.precision = Precision::kInt8;
    int8.wide_blocks = 1;
    return int8;
  }
};

TEST_F(Int8Pack, IsLoadedSoAndSpeaksExactlyAsTheOriginalInInt8) {
  EngineOptions original = engine_options(files_);
  original.precision = Precision::kInt8;
  original.wide_blocks = 1;
  EngineOptions found = engine_options(packed());
  EXPECT_EQ(Engine::load(found)->info().precision, "int8");
  EXPECT_EQ(speak(found), speak(original));
}

TEST_F(Int8Pack, IsReadByMachinesThatHaveNoProductsOfEightBits) {
  EngineOptions wide = engine_options(packed());
  wide.precision = Precision::kFloat32;
  const std::vector<float> samples = speak(wide);
  EXPECT_FALSE(samples.empty());
  // What a code stands for, in any type.
  const auto file = SafetensorsFile::open(dir_ / "model.echo");
  const ModelWeights original = open_model(files_);
  for (const TensorView& tensor : file->tensors()) {
    if (!tensor.layout.starts_with("int8 ")) continue;
    const std::vector<float> values = tensor.to_float32();
    const std::vector<float> expected =
        original.dit.tensor(tensor.name.substr(std::string("dit.").size())).to_float32();
    ASSERT_EQ(values.size(), expected.size());
    const auto width = static_cast<size_t>(tensor.shape[1]);
    for (size_t row = 0; row < values.size(); row += width) {
      float largest = 0;
      for (size_t i = row; i < row + width; ++i) largest = std::max(largest, std::abs(expected[i]));
      for (size_t i = row; i < row + width; ++i) {
        ASSERT_NEAR(values[i], expected[i], 0.5f / 127.0f * largest * 1.001f) << tensor.name;
      }
    }
  }
}

TEST_F(Int8Pack, RefusesWhatItCannotPackSo) {
  ModelPackOptions plain = int8_options();
  plain.layout = PackLayout::kPlain;
  EXPECT_THAT(error_of([&] { pack_model(plain); }).what(), HasSubstr("expected auto: int8 is for"));
  ModelPackOptions other = int8_options();
  other.precision = Precision::kFloat8;
  EXPECT_THAT(error_of([&] { pack_model(other); }).what(), HasSubstr("expected auto or int8"));
}

TEST_F(Int8Pack, DamagedFilesAreRefusedByName) {
  const DamagedPack pack(dir_ / "model.echo");
  pack.refusal(pack.good().substr(0, pack.good().size() / 2));
  EXPECT_THAT(pack.refusal(pack.changed("\"wide blocks\":\"1\"", "\"wide blocks\":\"x\"")).what(),
              HasSubstr("expected a number"));
  EXPECT_THAT(pack.refusal(pack.changed("\"int8 ", "\"intx ")).what(),
              HasSubstr("layout of a packed"));
  EXPECT_THAT(pack.refusal(pack.changed(" blocks i16,o16,i4", " blocks i16,o64,i4")).what(),
              HasSubstr("expected what the layout"));
}

TEST_F(ModelPack, ARoundedAutoencoderIsWhatBfloat16Computes) {
  ModelPackOptions rounded = options(PackLayout::kPlain);
  rounded.codec_precision = Precision::kBFloat16;
  pack_model(rounded);
  EngineOptions original = engine_options(files_);
  original.codec_precision = Precision::kBFloat16;
  EXPECT_EQ(speak(engine_options(packed())), speak(original));
}

TEST_F(ModelPack, WithoutTheBlockwisePartThereIsNone) {
  ModelPackOptions short_file = options(PackLayout::kPlain);
  short_file.blockwise = false;
  pack_model(short_file);
  EXPECT_FALSE(Engine::load(engine_options(packed()))->info().blockwise);
}

TEST_F(ModelPack, KeepsTheIdentityThatVoicesAreKeptUnder) {
  pack_model(options(PackLayout::kNative));
  const ModelWeights original = open_model(files_), copy = open_model(packed());
  EXPECT_EQ(model_identity(copy.codec), model_identity(original.codec));
  EXPECT_EQ(model_identity(copy.pca), model_identity(original.pca));
}

TEST_F(ModelPack, HoldsTheHashOfItsData) {
  pack_model(options(PackLayout::kPlain));
  const auto file = SafetensorsFile::open(dir_ / "model.echo");
  EXPECT_EQ(file->data_begin() % 64, 0u);
  std::ifstream in(dir_ / "model.echo", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  EXPECT_EQ(file->metadata().at("sha256"), sha256_hex(bytes.substr(file->data_begin())));
  for (const TensorView& tensor : file->tensors()) {
    if (tensor.layout.empty()) continue;
    EXPECT_EQ((tensor.bytes.data() - file->tensors()[0].bytes.data()) % 64, 0) << tensor.name;
  }
}

TEST_F(ModelPack, LeavesNoFileWhenItIsGivenUp) {
  ModelPackOptions stopped = options(PackLayout::kPlain);
  stopped.progress = [](uint64_t done, uint64_t total) {
    if (done > total / 2) throw Error(ErrorCode::kCancelled, "enough");
  };
  EXPECT_EQ(error_of([&] { pack_model(stopped); }).code(), ErrorCode::kCancelled);
  EXPECT_TRUE(fs::is_empty(dir_.path()));
}

TEST_F(ModelPack, RefusesWhatItCannotPack) {
  pack_model(options(PackLayout::kPlain));
  ModelPackOptions again = options(PackLayout::kPlain);
  again.files = packed();
  EXPECT_THAT(error_of([&] { pack_model(again); }).what(), HasSubstr("packed already"));
  ModelPackOptions nowhere = options(PackLayout::kPlain);
  nowhere.output = dir_ / "no/such/folder/file";
  EXPECT_EQ(error_of([&] { pack_model(nowhere); }).code(), ErrorCode::kUnavailable);
}

TEST_F(ModelPack, DamagedFilesAreRefusedByName) {
  pack_model(options(PackLayout::kNative));
  const DamagedPack pack(dir_ / "model.echo");
  EXPECT_EQ(pack.refusal(pack.good().substr(0, pack.good().size() / 2)).code(),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(pack.refusal("").code(), ErrorCode::kInvalidArgument);
  const Error version = pack.refusal(pack.changed("\"version\":\"1\"", "\"version\":\"9\""));
  EXPECT_THAT(version.what(), HasSubstr("pack the model again"));
  EXPECT_EQ(
      pack.refusal(pack.changed("\"format\":\"echo-tts-pack\"", "\"format\":\"echo-tts-pick\""))
          .code(),
      ErrorCode::kInvalidArgument);
  if (pack.good().find(" strides ") != pack.good().npos) {
    EXPECT_THAT(pack.refusal(pack.changed(" strides ", " stripes ")).what(),
                HasSubstr("layout of a packed"));
    if (pack.good().find(" blocks i16,") != pack.good().npos) {
      EXPECT_THAT(pack.refusal(pack.changed(" blocks i16,", " blocks o16,")).what(),
                  HasSubstr("layout"));
    }
  }
}

}  // namespace
}  // namespace echo
