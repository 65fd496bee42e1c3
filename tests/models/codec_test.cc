#include "models/codec.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "models/tiny_codec.h"
#include "support/golden.h"

namespace echo {
namespace {

// The rows of one stage, the tiles put together.
std::vector<float> encoded_stage(const Codec& codec, std::span<const float> audio,
                                 const std::string& stage) {
  std::vector<float> rows;
  const CodecHooks hooks{.stop = {}, .probe = [&](const std::string& name, const Tensor& value) {
                           if (name != stage) return;
                           const std::vector<float> tile = value.to_host();
                           rows.insert(rows.end(), tile.begin(), tile.end());
                         }};
  codec.encode(audio, hooks);
  return rows;
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
      make_tiny_codec(DType::kFloat32, {.encode_frames = 16, .decode_frames = 13}).decode(latent);
  EXPECT_EQ(whole.size(), 13u * 2048u);
  for (int64_t frames : {1, 5, 8}) {
    const Codec codec =
        make_tiny_codec(DType::kFloat32, {.encode_frames = 16, .decode_frames = frames});
    EXPECT_LE(relative_l2(codec.decode(latent), whole), decode_limit()) << frames;
  }
  for (int64_t bytes : {1, 5000, 1 << 30}) {
    const Codec codec = make_tiny_codec(DType::kFloat32, {.decode_cache_bytes = bytes});
    EXPECT_LE(relative_l2(codec.decode(latent), whole), decode_limit()) << bytes;
  }
}

TEST(Codec, EncodeDoesNotDependOnTheTiles) {
  const std::vector<float> audio = golden("tiny").floats("autoencoder/enc.ragged.audio");
  const auto encode = [&](int64_t frames) {
    const Codec codec = make_tiny_codec(DType::kFloat32, {.encode_frames = frames});
    return encoded_stage(codec, audio, "encoder");
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
  // Of all the stages that work(hooks) shows, those that it shows when the first stops it.
  const auto part_shown = [](const std::function<void(const CodecHooks&)>& work) {
    int all = 0, shown = 0;
    work({.stop = {}, .probe = [&](const std::string&, const Tensor&) { ++all; }});
    std::stop_source stop;
    EXPECT_EQ(code_of([&] {
                work({.stop = stop.get_token(), .probe = [&](const std::string&, const Tensor&) {
                        ++shown;
                        stop.request_stop();
                      }});
              }),
              ErrorCode::kCancelled);
    return static_cast<double>(shown) / all;
  };
  const Tensor latent = random_latent(40, 5);  // in three tiles
  EXPECT_LT(part_shown([&](const CodecHooks& hooks) { tiny_codec().decode(latent, hooks); }), 0.5);
  const std::vector<float> audio(64 * 2048);  // in four
  EXPECT_LT(part_shown([&](const CodecHooks& hooks) { tiny_codec().encode(audio, hooks); }), 0.5);
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
  std::stop_source stop;
  stop.request_stop();  // before any work it is refused
  const CodecHooks hooks{.stop = stop.get_token(), .probe = {}};
  EXPECT_EQ(code_of([&] { tiny_codec().encode(audio, hooks); }), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace echo
