#include "nn/weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "safetensors_bytes.h"

namespace echo {
namespace {

using ::testing::HasSubstr;

// A file of empty tensors with these names.
struct Names {
  explicit Names(std::vector<std::string> names)
      : bytes([&] {
          std::string header = "{";
          for (const std::string& name : names) {
            if (header.size() > 1) header += ",";
            header += "\"" + name + R"(":{"dtype":"F32","shape":[0],"data_offsets":[0,0]})";
          }
          return safetensors_bytes(header + "}");
        }()),
        root(SafetensorsFile::from_bytes(bytes.span(), "dit.safetensors")) {}
  AlignedBytes bytes;
  Weights root;
};

TEST(Weights, WalksTheTreeOfNames) {
  const Names file({"blocks.3.attention.wq.weight", "blocks.10.mlp.w1.weight", "out_norm.weight"});
  const Weights attention = file.root["blocks"][3]["attention"];
  EXPECT_EQ(attention.tensor("wq.weight").name, "blocks.3.attention.wq.weight");
  EXPECT_EQ(attention["wq"].tensor("weight").name, "blocks.3.attention.wq.weight");
  EXPECT_EQ(file.root["blocks.3"]["attention"].full_name("x"), "blocks.3.attention.x");
  EXPECT_TRUE(file.root.has("out_norm.weight"));
  EXPECT_FALSE(file.root.has("out_norm"));
  EXPECT_FALSE(attention.has("wk.weight"));
  EXPECT_TRUE(attention.any());
  EXPECT_FALSE(file.root["blocks"][4].any());
  EXPECT_FALSE(file.root["block"].any());
  EXPECT_FALSE(file.root["blocks"][1].any()) << "1 is not a prefix of 10";
}

TEST(Weights, SaysTheFullNameOfWhatIsMissing) {
  const Names file({"blocks.0.x"});
  try {
    file.root["blocks"][0]["attention"].tensor("wq.weight");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    EXPECT_STREQ(error.what(), "dit.safetensors: no tensor \"blocks.0.attention.wq.weight\"");
  }
}

TEST(Weights, CountsLayersByTheirLargestNumber) {
  const Names file({"a.0.x", "a.2.x", "a.10.x", "a.norm.weight", "b.0", "c.x.0.y", "d.1x.y", "e..x",
                    "f.-1.x", "fill", "more"});
  EXPECT_EQ(file.root["a"].count(), 11);
  EXPECT_EQ(file.root["b"].count(), 0) << "b.0 is a tensor, not a scope";
  EXPECT_EQ(file.root["c"].count(), 0);
  EXPECT_EQ(file.root["c"]["x"].count(), 1);
  EXPECT_EQ(file.root["d"].count(), 0);
  EXPECT_EQ(file.root["e"].count(), 0);
  EXPECT_EQ(file.root["f"].count(), 0);
  EXPECT_EQ(file.root["absent"].count(), 0);
}

TEST(Weights, RefusesMoreLayersThanTheFileCanHold) {
  for (const char* name : {"a.2.x", "a.999999999999.x", "a.99999999999999999999999.x"}) {
    const Names file({"a.0.x", name});
    try {
      file.root["a"].count();
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
      EXPECT_THAT(error.what(), HasSubstr("in a file of only 2 tensors"));
    }
  }
}

TEST(Weights, KeepsTheFileOpen) {
  const Names file({"a.x"});
  auto scope = std::make_unique<Weights>(file.root);
  const Weights child = (*scope)["a"];
  scope.reset();
  EXPECT_TRUE(child.has("x"));
}

}  // namespace
}  // namespace echo
