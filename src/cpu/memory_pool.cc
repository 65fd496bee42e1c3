#include "cpu/memory_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.h"

namespace echo::cpu {
namespace {

constexpr size_t kAlignment = 64;

constexpr size_t kMapped = size_t{128} << 10;  // from here on a block is pages of its own

size_t rounded(size_t bytes) {
  const size_t granularity = bytes >= (size_t{1} << 20) ? size_t{1} << 16
                             : bytes >= kMapped         ? size_t{1} << 12
                                                        : size_t{1} << 10;
  return std::max(granularity, (bytes + granularity - 1) / granularity * granularity);
}

// Null when there is no memory. Large blocks are mapped, so that they leave no holes in the heap.
void* take_from_system(size_t bytes) {
  if (bytes < kMapped) return std::aligned_alloc(kAlignment, bytes);
  void* const data =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return data == MAP_FAILED ? nullptr : data;
}

void give_to_system(void* data, size_t bytes) {
  if (bytes < kMapped) return std::free(data);
  ::munmap(data, bytes);
}

}  // namespace

struct MemoryPool::State {
  explicit State(size_t limit) : max_free_bytes(limit) {}
  ~State() {
    for (const auto& [size, block] : free) give_to_system(block.data, size);
  }

  // A free block that is large enough and not wastefully so, or null.
  void* take(size_t bytes, size_t& block_bytes) {
    const auto found = free.lower_bound(bytes);
    if (found == free.end() || found->first > bytes + bytes / 2 + (size_t{1} << 16)) return nullptr;
    void* const data = found->second.data;
    block_bytes = found->first;
    statistics.free_bytes -= block_bytes;
    free.erase(found);
    return data;
  }

  // Counts a block of `bytes` as used.
  void use(size_t bytes) {
    statistics.used_bytes += bytes;
    statistics.peak_used_bytes = std::max(statistics.peak_used_bytes, statistics.used_bytes);
    trim();
  }

  void give(void* data, size_t bytes) {
    const std::lock_guard lock(mutex);
    statistics.used_bytes -= bytes;
    if (bytes > max_free_bytes) return give_to_system(data, bytes);
    statistics.free_bytes += bytes;
    free.emplace(bytes, Block{data, ++gifts});
    trim();
  }

  // Lets go of free blocks, the ones given first in front, until no more are free than may be, and
  // hardly more is held than was once used together.
  void trim() {
    const size_t held = statistics.peak_used_bytes + statistics.peak_used_bytes / 8;
    const size_t most_free =
        std::min(max_free_bytes, held - std::min(held, statistics.used_bytes));
    while (statistics.free_bytes > most_free) {
      const auto oldest = std::min_element(
          free.begin(), free.end(),
          [](const auto& a, const auto& b) { return a.second.gift < b.second.gift; });
      statistics.free_bytes -= oldest->first;
      give_to_system(oldest->second.data, oldest->first);
      free.erase(oldest);
    }
  }

  struct Block {
    void* data;
    uint64_t gift;  // when it was given: the how many-eth
  };
  const size_t max_free_bytes;
  std::mutex mutex;
  std::multimap<size_t, Block> free;
  uint64_t gifts = 0;
  Statistics statistics;
};

namespace {

template <class State>
class PooledBuffer : public Buffer {
 public:
  PooledBuffer(std::shared_ptr<State> state, void* data, size_t bytes)
      : state_(std::move(state)), data_(data), bytes_(bytes) {}
  ~PooledBuffer() override { state_->give(data_, bytes_); }
  PooledBuffer(const PooledBuffer&) = delete;
  PooledBuffer& operator=(const PooledBuffer&) = delete;
  void* data() const override { return data_; }
  size_t bytes() const override { return bytes_; }

 private:
  std::shared_ptr<State> state_;
  void* data_;
  size_t bytes_;
};

}  // namespace

MemoryPool::MemoryPool(size_t max_free_bytes) : state_(std::make_shared<State>(max_free_bytes)) {}

std::shared_ptr<Buffer> MemoryPool::allocate(size_t bytes) {
  if (bytes > SIZE_MAX / 2) throw_unavailable("out of memory: a tensor of nearly 2^64 bytes");
  size_t block = rounded(bytes);
  void* data = nullptr;
  {
    const std::lock_guard lock(state_->mutex);
    data = state_->take(block, block);
  }
  if (!data) data = take_from_system(block);
  if (!data) {
    throw_unavailable("out of memory: " + std::to_string(block) + " bytes for a tensor");
  }
  {
    const std::lock_guard lock(state_->mutex);
    state_->use(block);
  }
  return std::make_shared<PooledBuffer<State>>(state_, data, block);
}

MemoryPool::Statistics MemoryPool::statistics() const {
  const std::lock_guard lock(state_->mutex);
  return state_->statistics;
}

}  // namespace echo::cpu
