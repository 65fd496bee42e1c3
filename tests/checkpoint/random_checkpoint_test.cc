#include "checkpoint/random_checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <algorithm>

#include <bit>
#include <cmath>
#include <fstream>
#include <iterator>

#include "base/error.h"
#include "checkpoint/random_weights.h"
#include "cpu/cpu_backend.h"
#include "models/codec.h"
#include "models/echo_dit.h"
#include "models/pca_state.h"
#include "nn/safetensors.h"
#include "support/golden.h"
#include "tensor/dtype.h"
#include "tensor/ops.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

uint64_t hexadecimal(const nlohmann::json& text) {
  return std::stoull(text.get<std::string>(), nullptr, 16);
}

TEST(GoldenRandomWeights, RealSliceHasTheRecordedValues) {
  const auto& recorded = golden("real-slice").manifest()["tensors"];
  std::vector<uint16_t> values;
  for (const TensorSpec& spec : echo_dit_layout(echo_dit_config(ModelSize::kRealSlice))) {
    SCOPED_TRACE(spec.name);
    const auto& expected = recorded.at(spec.name);
    const Distribution distribution = echo_dit_distribution(spec);
    EXPECT_EQ(distribution.offset, expected["offset"].get<float>());
    EXPECT_EQ(std::bit_cast<uint32_t>(distribution.scale), hexadecimal(expected["scale_hex"]));

    size_t elements = 1;
    for (const int64_t dim : spec.shape) elements *= static_cast<size_t>(dim);
    values.resize(elements);
    RandomTensor(kGoldenWeightPrefix, spec.name, distribution).values(0, values);
    double sum = 0, squares = 0;
    for (const uint16_t value : values) {
      const double v = bfloat16_to_float(value);
      sum += v;
      squares += v * v;
    }
    for (size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(bfloat16_to_float(values[i]), expected["first4"][i].get<float>());
    }
    EXPECT_EQ(bfloat16_to_float(values.back()), expected["last"].get<float>());
    // Sums of bfloat16 values are nearly exact in double; only the order of adding differs.
    EXPECT_NEAR(sum, expected["sum"].get<double>(), 1e-11 * squares);
    EXPECT_NEAR(squares, expected["sumsq"].get<double>(), 1e-11 * squares);
  }
}

TEST(RandomTensor, AnyPartIsTheSameAsInTheWhole) {
  const RandomTensor tensor("prefix/", "name", {0.5f, 2});
  std::vector<float> whole(1000), part(10);
  tensor.values(0, whole);
  tensor.values(700, part);
  EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + 700));
  EXPECT_THAT(whole, ::testing::Each(::testing::AllOf(::testing::Ge(-1.5f), ::testing::Lt(2.5f))));
  std::vector<float> other(1000);
  RandomTensor("prefix/", "other", {0.5f, 2}).values(0, other);
  EXPECT_NE(whole, other);
}

TEST(ModelSize, IsReadFromItsName) {
  EXPECT_EQ(parse_model_size("tiny"), ModelSize::kTiny);
  EXPECT_EQ(parse_model_size("full"), ModelSize::kFull);
  EXPECT_EQ(parse_model_size("real-slice"), ModelSize::kRealSlice);
  EXPECT_FALSE(parse_model_size("Tiny"));
  EXPECT_FALSE(parse_model_size(""));
}

class RandomCheckpointTest : public ::testing::Test {
 protected:
  RandomCheckpointTest() {
    std::string name = (fs::temp_directory_path() / "random_checkpoint.XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    folder_ = name;
  }
  ~RandomCheckpointTest() override { fs::remove_all(folder_); }

  static std::string content(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  size_t files() const {
    size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      count += entry.is_regular_file();
    }
    return count;
  }
  static RandomCheckpointOptions tiny(uint64_t seed, int threads = 0) {
    return {ModelSize::kTiny, seed, threads, {}};
  }

  fs::path folder_;
};

TEST_F(RandomCheckpointTest, HasThePublishedLayout) {
  const ModelFiles written = write_random_checkpoint(folder_, tiny(1));
  const ModelFiles found = find_model_files(folder_);
  EXPECT_EQ(found.dit, written.dit);
  EXPECT_EQ(found.codec, written.codec);
  EXPECT_EQ(found.pca, written.pca);
  EXPECT_EQ(written.dit, folder_ / "echo-tts-base/pytorch_model.safetensors");

  const auto dit = SafetensorsFile::open(found.dit), codec = SafetensorsFile::open(found.codec);
  EXPECT_EQ(infer_echo_dit_config(Weights(dit)), echo_dit_config(ModelSize::kTiny));
  EXPECT_EQ(infer_s1_dac_config(Weights(codec)), s1_dac_config(ModelSize::kTiny));
  EXPECT_EQ(read_pca_state(Weights::open(found.pca)).width, 128);
  for (const TensorView& tensor : dit->tensors()) EXPECT_EQ(tensor.dtype, FileDType::kBFloat16);
  EXPECT_LT(dit->bytes() + codec->bytes(), 20u << 20);

  // Name for name, shape for shape and type for type what the golden codec of this size has.
  const auto recorded = golden("tiny").file("dac");
  ASSERT_EQ(codec->tensors().size(), recorded->tensors().size());
  for (size_t i = 0; i < codec->tensors().size(); ++i) {
    const TensorView &ours = codec->tensors()[i], &theirs = recorded->tensors()[i];
    EXPECT_EQ(ours.name, theirs.name);
    EXPECT_EQ(ours.shape, theirs.shape) << ours.name;
    EXPECT_EQ(ours.dtype, theirs.dtype) << ours.name;
    if (ours.name.ends_with("freqs_cis")) {
      EXPECT_EQ(ours.to_float32(), theirs.to_float32()) << ours.name;
    }
  }
  EXPECT_THAT(codec->metadata().at("origin"), HasSubstr("random weights, size tiny, seed 1"));
}

TEST_F(RandomCheckpointTest, DependsOnTheSeedAlone) {
  write_random_checkpoint(folder_ / "a", tiny(7, 1));
  write_random_checkpoint(folder_ / "b", tiny(7, 5));
  write_random_checkpoint(folder_ / "c", tiny(8, 1));
  for (const char* name :
       {"echo-tts-base/pytorch_model.safetensors", "echo-tts-base/pca_state.safetensors",
        "fish-s1-dac-min/pytorch_model.safetensors"}) {
    const std::string a = content(folder_ / "a" / name);
    EXPECT_TRUE(a == content(folder_ / "b" / name)) << name;
    EXPECT_FALSE(a == content(folder_ / "c" / name)) << name;
  }
}

TEST_F(RandomCheckpointTest, PlantsOutliersInTheLastBlocksOnly) {
  RandomCheckpointOptions options = tiny(7);
  const ModelFiles plain = write_random_checkpoint(folder_ / "plain", options);
  options.outliers = true;
  const ModelFiles planted = write_random_checkpoint(folder_ / "planted", options);
  const auto before = SafetensorsFile::open(plain.dit), after = SafetensorsFile::open(planted.dit);
  size_t changed = 0;
  for (const TensorView& tensor : after->tensors()) {
    const std::vector<float> old = before->tensor(tensor.name).to_float32();
    const std::vector<float> values = tensor.to_float32();
    const bool keys = tensor.name.ends_with("k_norm.weight");
    const bool expected =
        (tensor.name.starts_with("blocks.1.") || tensor.name.starts_with("blocks.2.")) &&
        (keys || tensor.name.ends_with("attention.wo.weight") ||
         tensor.name.ends_with("mlp.w2.weight"));
    EXPECT_EQ(values != old, expected) << tensor.name;
    changed += expected;
    const size_t width = expected && !keys ? static_cast<size_t>(tensor.shape[1]) : 1;
    for (size_t i = 0; i < values.size(); ++i) {
      const bool raised = expected && i / width % 61 == 7;
      ASSERT_EQ(values[i], old[i] * (raised ? keys ? 64.0f : 32.0f : 1.0f)) << tensor.name;
    }
  }
  EXPECT_EQ(changed, 6u);
}

TEST_F(RandomCheckpointTest, ReplacesItsOwnFilesButNoOthers) {
  write_random_checkpoint(folder_, tiny(1));
  const ModelFiles files = write_random_checkpoint(folder_, tiny(2));
  fs::copy_file(golden("tiny").folder() / "dac.safetensors", files.codec,
                fs::copy_options::overwrite_existing);
  const auto old_dit = content(files.dit);
  try {
    write_random_checkpoint(folder_, tiny(3));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(error.what(), HasSubstr(files.codec.string() + ": exists and was not made here"));
  }
  EXPECT_TRUE(content(files.dit) == old_dit);
  EXPECT_EQ(files.dit.parent_path().string().find("//"), std::string::npos);
  EXPECT_EQ(this->files(), 3u);
}

TEST_F(RandomCheckpointTest, CanBeStoppedWithoutTraces) {
  RandomCheckpointOptions options = tiny(1, 2);
  uint64_t last = 0, total = 0;
  options.progress = [&](uint64_t done, uint64_t all) {
    EXPECT_GT(done, last);
    last = done;
    total = all;
    if (done > all / 2) throw Error(ErrorCode::kCancelled, "stopped");
  };
  try {
    write_random_checkpoint(folder_, options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
  EXPECT_GT(last, total / 2);
  EXPECT_EQ(files(), 0u);
}

TEST_F(RandomCheckpointTest, SaysWhereItCannotWrite) {
  std::ofstream(folder_ / "file") << "x";
  try {
    write_random_checkpoint(folder_ / "file" / "model", tiny(1));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    EXPECT_THAT(error.what(), HasSubstr("cannot be made"));
  }
}

double rms(const std::vector<float>& values) {
  double squares = 0;
  for (const float value : values) squares += double{value} * double{value};
  return std::sqrt(squares / static_cast<double>(values.size()));
}

TEST_F(RandomCheckpointTest, KeepsActivationsOfAnAudibleSize) {
  const ModelFiles files = write_random_checkpoint(folder_, tiny(3));
  const auto backend = cpu::make_cpu_backend();
  const LayerContext context{*backend, DType::kFloat32};

  const EchoDit dit(context, Weights::open(files.dit), false);
  const std::vector<int32_t> ids = {0, 'H', 'e', 'l', 'l', 'o'};
  const KeyValueCache text = dit.encode_text(ids);
  std::vector<float> noise(32 * 80);
  RandomTensor("", "noise", {0, 1.75f}).values(0, noise);
  DitSequence sequence;
  sequence.rows = 32;
  sequence.text = &text;
  const std::vector<float> times = {0.5f};
  const auto velocity = DitSession(dit).forward(from_host(*backend, noise, 32, 80),
                                                dit.modulation(times), std::span(&sequence, 1));
  EXPECT_GT(rms(velocity.to_host()), 0.3);
  EXPECT_LT(rms(velocity.to_host()), 3);

  const Codec codec(context, Weights::open(files.codec), read_pca_state(Weights::open(files.pca)));
  std::vector<float> tone(8 * 2048);
  for (size_t i = 0; i < tone.size(); ++i) {
    tone[i] = 0.2f * std::sin(0.03f * static_cast<float>(i));
  }
  const Tensor latent = codec.encode(tone).latent;
  EXPECT_GT(rms(latent.to_host()), 0.1);
  EXPECT_LT(rms(latent.to_host()), 2);
  for (const Tensor& speech : {latent, velocity}) {
    const double level = rms(codec.decode(speech));  // not a number when any sample is none
    EXPECT_GT(level, 0.03);
    EXPECT_LT(level, 0.8);
  }
}

// Makes a 0.7 GB checkpoint.
using SlowRandomCheckpointTest = RandomCheckpointTest;

TEST_F(SlowRandomCheckpointTest, RealSliceIsStoredAsFloat32) {
  const ModelFiles files = write_random_checkpoint(folder_, {ModelSize::kRealSlice, 0, 0, {}});
  const auto dit = SafetensorsFile::open(files.dit);
  EXPECT_EQ(infer_echo_dit_config(Weights(dit)), echo_dit_config(ModelSize::kRealSlice));
  const auto values = dit->tensor("in_proj.weight").to_float32();
  const auto& expected = golden("real-slice").manifest()["tensors"]["in_proj.weight"];
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(values[i], expected["first4"][i].get<float>());
  EXPECT_EQ(values.back(), expected["last"].get<float>());
  EXPECT_EQ(dit->tensor("in_proj.weight").dtype, FileDType::kFloat32);
  find_model_files(folder_);
}

}  // namespace
}  // namespace echo
