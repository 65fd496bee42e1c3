#include "models/codec.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "cpu/cpu_backend.h"
#include "support/golden.h"

namespace echo {
namespace {

Backend& backend() {
  static const std::unique_ptr<Backend> instance = cpu::make_cpu_backend();
  return *instance;
}

Codec make_codec(DType precision = DType::kFloat32, const CodecTiles& tiles = {}) {
  const GoldenSet& set = golden("tiny");
  return Codec({backend(), precision}, Weights(set.file("dac")),
               read_pca_state(Weights(set.file("pca_state"))), tiles);
}

const Codec& tiny_codec() {
  static const Codec codec = make_codec();
  return codec;
}

// (T, C) to (C, T) and back: the other order of `rows` rows.
std::vector<float> turned(const std::vector<float>& values, size_t rows) {
  std::vector<float> result(values.size());
  const size_t cols = values.size() / rows;
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < cols; ++c) result[c * rows + r] = values[r * cols + c];
  }
  return result;
}

// What the codec shows of its stages, the tiles of each put together.
class Recorder {
 public:
  CodecHooks hooks() {
    return {.cancelled = {}, .probe = [this](const std::string& name, const Tensor& value) {
              if (value.dtype() == DType::kInt32) return;
              Stage& stage = stages_[name];
              const std::vector<float> rows = value.to_host();
              stage.cols = value.cols();
              stage.rows.insert(stage.rows.end(), rows.begin(), rows.end());
            }};
  }
  // (C, T), as the golden data has it. Empty when the codec did not show it.
  std::vector<float> channels_first(const std::string& name) const {
    const auto stage = stages_.find(name);
    if (stage == stages_.end()) return {};
    return turned(stage->second.rows,
                  stage->second.rows.size() / static_cast<size_t>(stage->second.cols));
  }

 private:
  struct Stage {
    std::vector<float> rows;
    int64_t cols = 0;
  };
  std::map<std::string, Stage> stages_;
};

// The recorded tensors that begin with the prefix, without it.
std::vector<std::string> recorded(const std::string& prefix) {
  std::vector<std::string> names;
  for (const TensorView& tensor : golden("tiny").file("autoencoder")->tensors()) {
    if (tensor.name.rfind(prefix, 0) == 0) names.push_back(tensor.name.substr(prefix.size()));
  }
  return names;
}

std::vector<float> case_audio(const std::string& name) {
  const GoldenSet& set = golden("tiny");
  if (name == "silence") return std::vector<float>(10240);
  if (name != "long") return set.floats("autoencoder/enc." + name + ".audio");
  const std::vector<float> chunks = set.floats("speaker_latent/audio.chunks");
  std::vector<float> audio = chunks;
  for (float x : chunks) audio.push_back(0.5f * x);
  for (size_t i = 0; i < 72000; ++i) audio.push_back(-0.25f * chunks[i]);
  return audio;
}

Tensor case_latent(const std::string& name) {
  const std::vector<float> values = golden("tiny").floats("autoencoder/dec." + name + ".latent");
  return from_host(backend(), values, static_cast<int64_t>(values.size()) / 80, 80);
}

// Wherever the nearest code won by more than the rounding of float32 can turn.
void expect_same_codes(const std::string& prefix, const Tensor& codes) {
  const GoldenSet& set = golden("tiny");
  const std::vector<int64_t> expected = set.ints(prefix + ".codes");
  const std::vector<float> margin = set.floats(prefix + ".code_margin");
  const std::vector<int32_t> found = codes.to_host_ints();
  const auto rows = static_cast<size_t>(codes.rows()), books = static_cast<size_t>(codes.cols());
  ASSERT_EQ(found.size(), expected.size());
  for (size_t t = 0; t < rows; ++t) {
    for (size_t i = 0; i < books; ++i) {
      if (margin[i * rows + t] <= 1e-4f) continue;
      EXPECT_EQ(found[t * books + i], expected[i * rows + t])
          << prefix << " frame " << t << ", codebook " << i;
    }
  }
}

class GoldenEncode : public ::testing::TestWithParam<const char*> {};

TEST_P(GoldenEncode, EveryStage) {
  const std::string prefix = "enc." + std::string(GetParam()) + ".";
  Recorder recorder;
  const Codec::Encoding encoding = tiny_codec().encode(case_audio(GetParam()), recorder.hooks());
  for (const std::string& name : recorded(prefix)) {
    if (name == "audio" || name == "codes" || name == "code_margin") continue;
    const std::string full = "autoencoder/" + prefix + name;
    if (name == "latent") {
      EXPECT_TRUE(near_golden(golden("tiny"), full, encoding.latent.to_host()));
    } else {
      EXPECT_TRUE(near_golden(golden("tiny"), full, recorder.channels_first(name)));
    }
  }
  expect_same_codes("autoencoder/enc." + std::string(GetParam()), encoding.codes);
}

INSTANTIATE_TEST_SUITE_P(Cases, GoldenEncode,
                         ::testing::Values("two_frames", "ragged", "sub_frame", "three_plus_one",
                                           "silence", "long"),
                         [](const auto& test) { return std::string(test.param); });

// Everything but the audio, which each case has in its own form.
void expect_stages(const std::string& prefix, const Recorder& recorder) {
  for (const std::string& name : recorded(prefix)) {
    if (name == "latent" || name == "z_q" || name.rfind("audio", 0) == 0) continue;
    EXPECT_TRUE(
        near_golden(golden("tiny"), "autoencoder/" + prefix + name, recorder.channels_first(name)));
  }
}

TEST(GoldenDecode, EveryStageOfShortLatents) {
  for (const std::string name : {"t1", "t5"}) {
    Recorder recorder;
    const std::vector<float> audio = tiny_codec().decode(case_latent(name), recorder.hooks());
    EXPECT_TRUE(near_golden(golden("tiny"), "autoencoder/dec." + name + ".audio", audio));
    expect_stages("dec." + name + ".", recorder);
  }
}

// Longer than the window of the transformer.
TEST(GoldenDecode, EveryStageOfLongLatents) {
  const GoldenSet& set = golden("tiny");
  Recorder recorder;
  const std::vector<float> audio = tiny_codec().decode(case_latent("t136"), recorder.hooks());
  expect_stages("dec.t136.", recorder);
  const nlohmann::json& whole = set.manifest()["dec_t136_audio"];
  ASSERT_EQ(audio.size(), whole["n"].get<size_t>());
  const double limit = kFloat32Multiple * set.floor("autoencoder/dec.t136.audio")->float32;
  const std::vector<float> head = set.floats("autoencoder/dec.t136.audio_head");
  const std::vector<float> tail = set.floats("autoencoder/dec.t136.audio_tail");
  const std::span<const float> samples = audio;
  EXPECT_LE(relative_l2(samples.first(head.size()), head), limit);
  EXPECT_LE(relative_l2(samples.last(tail.size()), tail), limit);
  const double squares = std::inner_product(audio.begin(), audio.end(), audio.begin(), 0.0);
  EXPECT_NEAR(squares / whole["sumsq"].get<double>(), 1, 2 * limit);
}

// So quiet that the norms' eps decides the result.
TEST(GoldenDecode, EveryStageOfQuietZq) {
  const std::vector<float> z_q = turned(golden("tiny").floats("autoencoder/dec_zq.small.z_q"), 128);
  const Tensor quiet = from_host(backend(), z_q, static_cast<int64_t>(z_q.size()) / 128, 128);
  Recorder recorder;
  Codec::Decoder decoder(tiny_codec());
  const std::vector<float> audio = decoder.push_z_q(quiet, recorder.hooks());
  EXPECT_TRUE(near_golden(golden("tiny"), "autoencoder/dec_zq.small.audio", audio));
  expect_stages("dec_zq.small.", recorder);

  WindowTransformer::State start;
  const std::vector<float> pre = tiny_codec().quantizer().pre_module()(quiet, start).to_host();
  EXPECT_TRUE(near_golden(golden("tiny"), "autoencoder/pre_module_small.out",
                          turned(pre, static_cast<size_t>(quiet.rows()))));
}

// In bfloat16 the codebooks flip codes, so the encoder's comparison ends before them.
TEST(GoldenBFloat16, StaysWithinTheReferencesOwnDistance) {
  if (backend().compute_dtype(DType::kBFloat16) != DType::kBFloat16) {
    GTEST_SKIP() << "no fast bfloat16 on this machine";
  }
  const Codec codec = make_codec(DType::kBFloat16);
  for (const std::string name : {"two_frames", "ragged", "long"}) {
    Recorder recorder;
    codec.encode(case_audio(name), recorder.hooks());
    for (const std::string stage : {"encoder", "downsample", "pre_module"}) {
      EXPECT_TRUE(near_golden_bfloat16(golden("tiny"), "autoencoder/enc." + name + "." + stage,
                                       recorder.channels_first(stage)));
    }
  }
  for (const std::string name : {"t1", "t5"}) {
    Recorder recorder;
    const std::vector<float> audio = codec.decode(case_latent(name), recorder.hooks());
    for (const std::string stage : {"post_module", "upsample"}) {
      EXPECT_TRUE(near_golden_bfloat16(golden("tiny"), "autoencoder/dec." + name + "." + stage,
                                       recorder.channels_first(stage)));
    }
    EXPECT_TRUE(near_golden_bfloat16(golden("tiny"), "autoencoder/dec." + name + ".audio", audio));
  }
}

// ---- Tiles and pieces. ----

// Convolutions compute a row from the same numbers in the same order whatever the tile, so tiles
// are bit-identical where oneDNN takes the same kernel for both sizes (it does on AVX-512); the
// attention's sums are cut at other places. Two float32 runs are within three times the floor.
constexpr double kOtherOrder = 3;
double decode_limit() {
  return kOtherOrder * golden("tiny").floor("autoencoder/dec.t136.audio")->float32;
}
double encode_limit() {
  return kOtherOrder * golden("tiny").floor("autoencoder/enc.long.encoder")->float32;
}

Tensor random_latent(int64_t frames, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(frames * 80));
  for (float& x : values) x = normal(generator);
  return from_host(backend(), values, frames, 80);
}

TEST(Codec, DecodeDoesNotDependOnTheTiles) {
  const Tensor latent = random_latent(13, 1);
  const std::vector<float> whole =
      make_codec(DType::kFloat32, {.encode_frames = 16, .decode_frames = 13}).decode(latent);
  EXPECT_EQ(whole.size(), 13u * 2048u);
  for (int64_t frames : {1, 5, 8}) {
    const Codec codec = make_codec(DType::kFloat32, {.encode_frames = 16, .decode_frames = frames});
    EXPECT_LE(relative_l2(codec.decode(latent), whole), decode_limit()) << frames;
  }
}

TEST(Codec, EncodeDoesNotDependOnTheTiles) {
  const std::vector<float> audio = case_audio("ragged");
  const auto encode = [&](int64_t frames) {
    Recorder recorder;
    make_codec(DType::kFloat32, {.encode_frames = frames}).encode(audio, recorder.hooks());
    return recorder.channels_first("encoder");
  };
  const std::vector<float> whole = encode(8);
  for (int64_t frames : {1, 2, 3}) {
    EXPECT_LE(relative_l2(encode(frames), whole), encode_limit()) << frames;
  }
}

// Pieces shorter and longer than the window, and than a tile.
TEST(Codec, DecoderJoinsPiecesExactly) {
  const Tensor latent = random_latent(150, 2);
  const std::vector<float> whole = tiny_codec().decode(latent);
  Codec::Decoder decoder(tiny_codec());
  std::vector<float> joined;
  int64_t begin = 0;
  for (int64_t count : {1, 0, 10, 130, 2, 7}) {
    const std::vector<float> piece = decoder.push(latent.row_range(begin, count));
    EXPECT_EQ(piece.size(), static_cast<size_t>(count) * 2048);
    joined.insert(joined.end(), piece.begin(), piece.end());
    begin += count;
  }
  EXPECT_LE(relative_l2(joined, whole), decode_limit());
}

TEST(Codec, DecodeIsCausal) {
  const Tensor latent = random_latent(9, 3);
  const std::vector<float> whole = tiny_codec().decode(latent);
  const std::vector<float> first = tiny_codec().decode(latent.row_range(0, 4));
  EXPECT_LE(relative_l2(first, std::span(whole).first(4 * 2048)), decode_limit());
}

TEST(Codec, RepeatsItself) {
  const Tensor latent = random_latent(3, 4);
  EXPECT_EQ(tiny_codec().decode(latent), tiny_codec().decode(latent));
}

TEST(Codec, SizesComeFromTheCheckpoint) {
  EXPECT_EQ(tiny_codec().samples_per_frame(), 2048);
  EXPECT_EQ(tiny_codec().latent_size(), 80);
}

// ---- Errors. ----

template <class F>
ErrorCode code_of(F f) {
  try {
    f();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::kInternal;
}

TEST(Codec, StopsWhenCancelled) {
  int asked = 0;
  const CodecHooks hooks{.cancelled = [&] { return ++asked > 2; }, .probe = {}};
  const Tensor latent = random_latent(40, 5);
  EXPECT_EQ(code_of([&] { tiny_codec().decode(latent, hooks); }), ErrorCode::kCancelled);
  EXPECT_EQ(asked, 3);
  asked = 0;
  const std::vector<float> audio(64 * 2048);
  EXPECT_EQ(code_of([&] { tiny_codec().encode(audio, hooks); }), ErrorCode::kCancelled);
  EXPECT_EQ(asked, 3);
}

TEST(Codec, RefusesNoSamplesAndWrongOrTooManyLatents) {
  EXPECT_EQ(code_of([&] { tiny_codec().encode({}); }), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(tiny_codec().decode(random_latent(0, 0)).empty());
  const Tensor narrow = zeros(backend(), 2, 79, DType::kFloat32);
  EXPECT_EQ(code_of([&] { tiny_codec().decode(narrow); }), ErrorCode::kInvalidArgument);
  const Tensor endless = zeros(backend(), 4097, 80, DType::kFloat32);
  EXPECT_EQ(code_of([&] { tiny_codec().decode(endless); }), ErrorCode::kInvalidArgument);
  Codec::Decoder decoder(tiny_codec());
  decoder.push(random_latent(1, 6));
  EXPECT_EQ(code_of([&] { decoder.push(endless.row_range(0, 4096)); }),
            ErrorCode::kInvalidArgument);
}

TEST(Codec, RefusesAPcaOfAnotherWidth) {
  const GoldenSet& set = golden("tiny");
  PcaState pca = read_pca_state(Weights(set.file("pca_state")));
  pca.width = 64;
  EXPECT_EQ(code_of([&] {
              Codec({backend(), DType::kFloat32}, Weights(set.file("dac")), pca);
            }),
            ErrorCode::kCorrupt);
}

TEST(Codec, RefusesMoreSamplesThanPositions) {
  const std::vector<float> audio(4096 * 2048 + 1);
  int asked = 0;
  const CodecHooks hooks{.cancelled = [&] { return ++asked > 0; }, .probe = {}};
  EXPECT_EQ(code_of([&] { tiny_codec().encode(audio, hooks); }), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace echo
