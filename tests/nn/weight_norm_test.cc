#include "nn/weight_norm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "safetensors_bytes.h"

namespace echo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A layer "c" with g of shape (2, 1, 1) and v of shape (2, 1, 2).
AlignedBytes layer_bytes(const std::string& g, const std::string& v, std::vector<float> values,
                         const std::string& g_shape = "[2,1,1]") {
  const std::string header = R"({"c.)" + g + R"(":{"dtype":"F32","shape":)" + g_shape +
                             R"(,"data_offsets":[0,8]},"c.)" + v +
                             R"(":{"dtype":"F32","shape":[2,1,2],"data_offsets":[8,24]}})";
  return AlignedBytes(padded_safetensors(
      header, {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)}));
}

const std::vector<float> kValues = {10, -2, 3, 4, 0, 5};

TEST(WeightNorm, ScalesEachRowToItsLengthInBothStyles) {
  for (const WeightNorm style : {WeightNorm::kParametrized, WeightNorm::kLegacy}) {
    const WeightNormNames names = weight_norm_names(style);
    const auto bytes = layer_bytes(std::string(names.g), std::string(names.v), kValues);
    const Weights root(SafetensorsFile::from_bytes(bytes.span(), "f"));
    EXPECT_EQ(weight_norm_style(root["c"]), style);
    const FoldedWeight folded = fold_weight_norm(root["c"]);
    EXPECT_THAT(folded.shape, ElementsAre(2, 1, 2));
    EXPECT_THAT(folded.values, ElementsAre(6, 8, 0, -2));
  }
}

TEST(WeightNorm, TakesAPlainWeightAsItIs) {
  const auto bytes = layer_bytes("bias", "weight", kValues, "[2]");
  const Weights root(SafetensorsFile::from_bytes(bytes.span(), "f"));
  EXPECT_EQ(weight_norm_style(root["c"]), WeightNorm::kNone);
  EXPECT_THAT(fold_weight_norm(root["c"]).values, ElementsAre(3, 4, 0, 5));
}

TEST(WeightNorm, NamesWhatIsMissingOrWrong) {
  const auto message = [](const AlignedBytes& bytes, ErrorCode code) -> std::string {
    const Weights root(SafetensorsFile::from_bytes(bytes.span(), "f"));
    try {
      fold_weight_norm(root["c"]);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code);
      return error.what();
    }
    return "accepted";
  };
  EXPECT_EQ(message(layer_bytes("g", "v", kValues), ErrorCode::kNotFound),
            "f: no tensor \"c.weight\"");
  EXPECT_EQ(message(layer_bytes("g", "weight_v", kValues), ErrorCode::kNotFound),
            "f: no tensor \"c.weight_g\"");
  EXPECT_EQ(message(layer_bytes("weight_g", "v", kValues), ErrorCode::kNotFound),
            "f: no tensor \"c.weight_v\"");
  EXPECT_EQ(message(layer_bytes("weight_g", "weight_v", kValues, "[1,2,1]"), ErrorCode::kCorrupt),
            "f: tensor \"c.weight_g\": found shape [1, 2, 1], expected [2, 1, 1]");
  EXPECT_THAT(message(layer_bytes("weight_g", "weight_v", {1, 1, 0, 0, 1, 1}), ErrorCode::kCorrupt),
              HasSubstr("row 0 is all zero"));
}

}  // namespace
}  // namespace echo
