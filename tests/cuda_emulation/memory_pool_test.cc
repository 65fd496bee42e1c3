// The device's memory: blocks of arenas, given back and joined again.
#include "cuda/memory_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <thread>
#include <vector>

#include "base/error.h"

namespace echo::cuda {
namespace {

constexpr size_t kMegabyte = size_t{1} << 20;

uintptr_t address(const std::shared_ptr<Buffer>& buffer) {
  return reinterpret_cast<uintptr_t>(buffer->data());
}

TEST(CudaMemoryPool, BlocksAreAlignedApartAndUsedAgain) {
  MemoryPool pool(0);
  std::vector<std::shared_ptr<Buffer>> buffers;
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{511}, size_t{513}, 3 * kMegabyte}) {
    buffers.push_back(pool.allocate(bytes));
    EXPECT_EQ(address(buffers.back()) % 256, 0u);
    EXPECT_GE(buffers.back()->bytes(), bytes);
    for (size_t i = 0; i + 1 < buffers.size(); ++i) {
      EXPECT_TRUE(address(buffers[i]) + buffers[i]->bytes() <= address(buffers.back()) ||
                  address(buffers.back()) + buffers.back()->bytes() <= address(buffers[i]));
    }
  }
  EXPECT_EQ(pool.statistics().arenas, 1u);
  const uintptr_t last = address(buffers.back());
  buffers.pop_back();
  EXPECT_EQ(address(pool.allocate(3 * kMegabyte)), last);
}

TEST(CudaMemoryPool, WhatIsGivenBackJoinsInAnyOrder) {
  MemoryPool pool(0);
  std::mt19937 random(1);
  for (int round = 0; round < 20; ++round) {
    std::vector<std::shared_ptr<Buffer>> buffers;
    for (int i = 0; i < 64; ++i) buffers.push_back(pool.allocate(kMegabyte));
    std::shuffle(buffers.begin(), buffers.end(), random);
    buffers.clear();
    EXPECT_EQ(pool.statistics().used_bytes, 0u);
    // All of it in one piece, without another arena.
    EXPECT_EQ(pool.allocate(64 * kMegabyte)->bytes(), 64 * kMegabyte);
    EXPECT_EQ(pool.statistics().arenas, 1u);
  }
  EXPECT_EQ(pool.statistics().peak_used_bytes, 64 * kMegabyte);
}

TEST(CudaMemoryPool, TheSmallestBlockThatIsLargeEnoughIsTaken) {
  MemoryPool pool(0);
  auto large = pool.allocate(20 * kMegabyte);
  const auto between = pool.allocate(kMegabyte);
  auto small = pool.allocate(2 * kMegabyte);
  const auto end = pool.allocate(kMegabyte);
  const uintptr_t expected = address(small);
  large.reset();
  small.reset();
  EXPECT_EQ(address(pool.allocate(2 * kMegabyte)), expected);
}

TEST(CudaMemoryPool, TheLimitHolds) {
  MemoryPool pool(100 * kMegabyte);
  const auto first = pool.allocate(90 * kMegabyte);
  try {
    pool.allocate(20 * kMegabyte);
    FAIL() << "more than the limit was given";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    EXPECT_STREQ(error.what(),
                 "CUDA: out of memory: 20 MB more wanted, 90 MB held of which 0 MB are free in "
                 "pieces, the limit is 100 MB");
  }
  // A smaller arena than usual still fits.
  EXPECT_NE(pool.allocate(8 * kMegabyte), nullptr);
  EXPECT_LE(pool.statistics().held_bytes, 100 * kMegabyte);
  EXPECT_THROW(pool.allocate(SIZE_MAX - 100), Error);
}

TEST(CudaMemoryPool, FreeArenasAreGivenBackWhenMemoryIsShort) {
  MemoryPool pool(200 * kMegabyte);
  const auto kept = pool.allocate(10 * kMegabyte);  // in an arena of 64 MB
  auto first = pool.allocate(70 * kMegabyte);
  first.reset();
  EXPECT_EQ(pool.statistics().held_bytes, 134 * kMegabyte);
  const auto large = pool.allocate(120 * kMegabyte);
  EXPECT_EQ(pool.statistics().held_bytes, 184 * kMegabyte);
  EXPECT_EQ(pool.statistics().arenas, 2u);
  EXPECT_THROW(pool.allocate(90 * kMegabyte), Error);
}

TEST(CudaMemoryPool, WorkHasMemoryOfItsOwnUnderTheSameLimit) {
  MemoryPool pool(200 * kMegabyte);
  const auto lasting = pool.allocate(kMegabyte);
  uintptr_t place = 0;
  {
    const WorkMemory memory(pool);
    place = address(pool.allocate(2 * kMegabyte));
  }
  const auto other = pool.allocate(2 * kMegabyte);
  EXPECT_NE(address(other), place);
  {
    const WorkMemory memory(pool);
    EXPECT_EQ(address(pool.allocate(2 * kMegabyte)), place);
    EXPECT_THROW(pool.allocate(150 * kMegabyte), Error);
  }
  EXPECT_EQ(pool.statistics().held_bytes, 128 * kMegabyte);
}

TEST(CudaMemoryPool, BuffersMayBeReleasedByOtherThreadsAndOutliveThePool) {
  auto pool = std::make_unique<MemoryPool>(0);
  auto last = pool->allocate(100);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::shared_ptr<Buffer>> buffers;
    for (int i = 0; i < 10; ++i) buffers.push_back(pool->allocate(static_cast<size_t>(i) * 1000));
    std::thread other([taken = std::move(buffers)]() mutable { taken.clear(); });
    pool->allocate(5000);
    other.join();
  }
  EXPECT_EQ(pool->statistics().used_bytes, 512u);
  pool.reset();
  last.reset();
}

}  // namespace
}  // namespace echo::cuda
