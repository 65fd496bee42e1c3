#include "cpu/weight_arena.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <vector>

namespace echo::cpu {
namespace {

TEST(WeightArenaTest, PiecesAreAlignedZeroAndApart) {
  WeightArena arena;
  std::vector<std::shared_ptr<void>> pieces;
  for (const size_t bytes : {size_t{1}, size_t{100}, size_t{64}, size_t{3} << 20}) {
    pieces.push_back(arena.allocate(bytes));
    const auto* data = static_cast<const char*>(pieces.back().get());
    EXPECT_EQ(reinterpret_cast<uintptr_t>(data) % WeightArena::kAlignment, 0u);
    EXPECT_EQ(data[0], 0);
    EXPECT_EQ(data[bytes - 1], 0);
    std::memset(pieces.back().get(), static_cast<int>(pieces.size()), bytes);
  }
  for (size_t i = 0; i < pieces.size(); ++i) {
    EXPECT_EQ(static_cast<const char*>(pieces[i].get())[0], static_cast<char>(i + 1));
  }
}

TEST(WeightArenaTest, PiecesOutliveTheArenaAndLargeOnesGetTheirOwnBlock) {
  std::shared_ptr<void> small, large;
  {
    WeightArena arena;
    small = arena.allocate(10);
    large = arena.allocate(size_t{200} << 20);
  }
  std::memset(small.get(), 1, 10);
  static_cast<char*>(large.get())[(size_t{200} << 20) - 1] = 1;
}

}  // namespace
}  // namespace echo::cpu
