#include "cpu/memory_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <thread>
#include <vector>

#include "base/error.h"
#include "cpu/cpu_backend.h"
#include "tensor/ops.h"

namespace echo::cpu {
namespace {

constexpr size_t kMegabyte = size_t{1} << 20;

TEST(MemoryPool, GivesAlignedMemoryOfAtLeastTheSize) {
  MemoryPool pool(kMegabyte);
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{1024}, size_t{1025}, 3 * kMegabyte + 1}) {
    const std::shared_ptr<Buffer> buffer = pool.allocate(bytes);
    ASSERT_NE(buffer->data(), nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer->data()) % 64, 0u);
    EXPECT_GE(buffer->bytes(), bytes);
    EXPECT_LE(buffer->bytes(), bytes + bytes / 8 + 1024);
    std::memset(buffer->data(), 1, buffer->bytes());
  }
}

TEST(MemoryPool, UsesFreeBlocksAgain) {
  MemoryPool pool(16 * kMegabyte);
  const void* first = nullptr;
  for (int i = 0; i < 100; ++i) {
    const std::shared_ptr<Buffer> buffer = pool.allocate(kMegabyte - static_cast<size_t>(i));
    if (i == 0) first = buffer->data();
    EXPECT_EQ(buffer->data(), first) << "round " << i;
    EXPECT_EQ(pool.statistics().free_bytes, 0u);
  }
  EXPECT_EQ(pool.statistics().used_bytes, 0u);
  EXPECT_EQ(pool.statistics().free_bytes, kMegabyte);
  EXPECT_EQ(pool.statistics().peak_used_bytes, kMegabyte);
}

TEST(MemoryPool, DoesNotWasteALargeBlockOnASmallTensor) {
  MemoryPool pool(64 * kMegabyte);
  pool.allocate(32 * kMegabyte).reset();
  const std::shared_ptr<Buffer> small = pool.allocate(1000);
  EXPECT_LT(small->bytes(), size_t{2000});
  EXPECT_EQ(pool.statistics().free_bytes, 32 * kMegabyte);
  const std::shared_ptr<Buffer> large = pool.allocate(30 * kMegabyte);
  EXPECT_EQ(large->bytes(), 32 * kMegabyte);
  EXPECT_EQ(pool.statistics().free_bytes, 0u);
}

TEST(MemoryPool, KeepsNoMoreThanItsLimit) {
  MemoryPool pool(4 * kMegabyte);
  std::vector<std::shared_ptr<Buffer>> buffers;
  for (int i = 0; i < 10; ++i) buffers.push_back(pool.allocate(kMegabyte));
  EXPECT_EQ(pool.statistics().used_bytes, 10 * kMegabyte);
  while (!buffers.empty()) {
    buffers.pop_back();
    EXPECT_LE(pool.statistics().free_bytes, 4 * kMegabyte);
    EXPECT_EQ(pool.statistics().used_bytes, buffers.size() * kMegabyte);
  }
  EXPECT_EQ(pool.statistics().free_bytes, 4 * kMegabyte);
  EXPECT_EQ(pool.statistics().peak_used_bytes, 10 * kMegabyte);
}

TEST(MemoryPool, ABlockLargerThanTheLimitDrivesNothingOut) {
  MemoryPool pool(4 * kMegabyte);
  pool.allocate(kMegabyte).reset();
  pool.allocate(9 * kMegabyte).reset();
  EXPECT_EQ(pool.statistics().free_bytes, kMegabyte);
  EXPECT_EQ(pool.statistics().used_bytes, 0u);
}

// Three at a time, no two of one size, as windows of ever other lengths need them.
TEST(MemoryPool, TensorsOfEverOtherSizesNeedLittleMoreThanTheLargest) {
  MemoryPool pool(size_t{1} << 30);
  size_t most = 0;
  for (size_t i = 0; i < 300; ++i) {
    std::vector<std::shared_ptr<Buffer>> buffers;
    const size_t bytes = (1 + i * 7 % 31) * 100'000;
    for (size_t k = 1; k <= 3; ++k) buffers.push_back(pool.allocate(k * bytes));
    buffers.clear();
    const MemoryPool::Statistics statistics = pool.statistics();
    most = std::max(most, statistics.free_bytes);
    EXPECT_LE(statistics.free_bytes, statistics.peak_used_bytes / 8 * 9 + 8);
  }
  EXPECT_GT(most, 9 * kMegabyte) << "and is kept";
}

TEST(MemoryPool, BuffersMayOutliveItAndBeReleasedByAnyThread) {
  auto pool = std::make_unique<MemoryPool>(kMegabyte);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&pool, t] {
      for (size_t i = 0; i < 200; ++i) {
        std::shared_ptr<Buffer> buffer = pool->allocate((t + 1) * 10000 + i);
        std::memset(buffer->data(), static_cast<int>(t), buffer->bytes());
        std::thread([moved = std::move(buffer)]() mutable { moved.reset(); }).join();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(pool->statistics().used_bytes, 0u);
  EXPECT_LE(pool->statistics().free_bytes, kMegabyte);
  std::shared_ptr<Buffer> late = pool->allocate(100);
  pool.reset();
  std::memset(late->data(), 5, late->bytes());
  std::thread([moved = std::move(late)]() mutable { moved.reset(); }).join();
}

TEST(MemoryPool, SaysWhenThereIsNoMemory) {
  MemoryPool pool(kMegabyte);
  for (const size_t bytes : {SIZE_MAX, SIZE_MAX - 100, size_t{1} << 62}) {
    try {
      pool.allocate(bytes);
      ADD_FAILURE() << bytes;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
      EXPECT_THAT(error.what(), testing::HasSubstr("out of memory"));
    }
  }
  EXPECT_EQ(pool.statistics().used_bytes, 0u);
}

TEST(MemoryPool, TensorsOfABackendMayOutliveIt) {
  Tensor x;
  {
    const std::unique_ptr<Backend> backend = make_cpu_backend();
    x = zeros(*backend, 100, 100, DType::kFloat32);
  }
  x = Tensor();
}

}  // namespace
}  // namespace echo::cpu
