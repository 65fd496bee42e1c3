#include "tensor/blocked_layout.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "base/error.h"

namespace echo {
namespace {

using Axis = BlockedLayout::Axis;

BlockedLayout example() {
  // 5 x 7, blocks of 2 rows x 4 columns: 3 x 2 blocks of 8 elements with padding.
  return {DType::kFloat32, 5, 7, 16, 8, {{Axis::kIn, 2}, {Axis::kOut, 2}, {Axis::kIn, 2}}};
}

TEST(BlockedLayoutTest, TextSaysEverything) {
  EXPECT_EQ(example().text(), "float32 5x7 strides 16,8 blocks i2,o2,i2");
  EXPECT_EQ(BlockedLayout::parse(example().text()), example());
  const BlockedLayout plain{DType::kBFloat16, 3, 4, 4, 1, {}};
  EXPECT_EQ(plain.text(), "bfloat16 3x4 strides 4,1 blocks ");
  EXPECT_EQ(BlockedLayout::parse(plain.text()), plain);
  EXPECT_EQ(plain.elements(), 12);
}

TEST(BlockedLayoutTest, EveryElementHasAPlaceOfItsOwn) {
  const BlockedLayout layout = example();
  EXPECT_EQ(layout.elements(), 48);
  std::set<int64_t> places;
  for (const int64_t row : layout.out_offsets()) {
    for (const int64_t column : layout.in_offsets()) places.insert(row + column);
  }
  EXPECT_EQ(places.size(), 35u);
  EXPECT_GE(*places.begin(), 0);
  EXPECT_LT(*places.rbegin(), layout.elements());
}

TEST(BlockedLayoutTest, UnblockingIsReadingBlockByBlock) {
  const BlockedLayout layout = example();
  std::vector<uint32_t> blocked(48, 999), rows(35);
  for (uint32_t o = 0; o < 5; ++o) {
    for (uint32_t i = 0; i < 7; ++i) {
      // By hand: block of 2 x 4 at (o / 2, i / 4); inside i / 2 % 2, then o % 2, then i % 2.
      blocked[o / 2 * 16 + i / 4 * 8 + i / 2 % 2 * 4 + o % 2 * 2 + i % 2] = 10 * o + i;
    }
  }
  unblock(layout, std::as_bytes(std::span(blocked)), std::as_writable_bytes(std::span(rows)));
  for (uint32_t o = 0; o < 5; ++o) {
    for (uint32_t i = 0; i < 7; ++i) EXPECT_EQ(rows[o * 7 + i], 10 * o + i);
  }
}

TEST(BlockedLayoutTest, ScalesAndSumsFollowCodesOfEightBits) {
  BlockedLayout layout = example();
  EXPECT_EQ(layout.bytes(), 48 * 4);
  layout.dtype = DType::kInt8;
  EXPECT_EQ(layout.text(), "int8 5x7 strides 16,8 blocks i2,o2,i2");
  EXPECT_EQ(BlockedLayout::parse(layout.text()), layout);
  EXPECT_EQ(layout.bytes(), 48 + 5 * 8);
  std::vector<int8_t> blocked(48), rows(35);
  blocked[16 + 8 + 2] = -7;  // row 3, column 4
  unblock(layout, std::as_bytes(std::span(blocked)), std::as_writable_bytes(std::span(rows)));
  EXPECT_EQ(rows[3 * 7 + 4], -7);
}

TEST(BlockedLayoutTest, RefusesWhatIsNoLayout) {
  for (const char* text :
       {"", "int32 5x7 strides 16,8 blocks ", "float32 5x7", "float32 0x7 strides 16,8 blocks ",
        "float32 -1x7 strides 16,8 blocks ", "float32 5x7 strides 16,8 blocks x2",
        "float32 5x7 strides 16,8 blocks i2,", "float32 5x7 strides 16,8 blocks i2 ",
        "float32 5x7 strides 16,8 blocks i0", "float32 99999999999999999999x7 strides 1,1 blocks ",
        "float32 1099511627776x1099511627776 strides 1,1099511627776 blocks ",
        "float32 1x1 strides 1,1 blocks i1048576,i1048576,i1048576",
        "float32 1x1 strides 1,1 blocks i1,i1,i1,i1,i1,i1,i1,i1,i1"}) {
    try {
      BlockedLayout::parse(text);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCorrupt) << text;
    }
  }
}

TEST(BlockedLayoutTest, RefusesBytesOfAnotherSize) {
  std::vector<std::byte> few(10), rows(5 * 7 * 4);
  EXPECT_THROW(unblock(example(), few, rows), Error);
}

}  // namespace
}  // namespace echo
