#include "cpu/memory_pool.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.h"

namespace echo::cpu {
namespace {

constexpr size_t kAlignment = 64;

size_t rounded(size_t bytes) {
  const size_t granularity = bytes >= (size_t{1} << 20) ? size_t{1} << 16 : size_t{1} << 10;
  return std::max(granularity, (bytes + granularity - 1) / granularity * granularity);
}

}  // namespace

struct MemoryPool::State {
  explicit State(size_t limit) : max_free_bytes(limit) {}
  ~State() {
    for (const auto& [size, data] : free) std::free(data);
  }

  // A free block that is large enough and not wastefully so, or null.
  void* take(size_t bytes, size_t& block_bytes) {
    const auto found = free.lower_bound(bytes);
    if (found == free.end() || found->first > bytes + bytes / 2 + (size_t{1} << 16)) return nullptr;
    void* data = found->second;
    block_bytes = found->first;
    statistics.free_bytes -= block_bytes;
    free.erase(found);
    return data;
  }

  void give(void* data, size_t bytes) {
    const std::lock_guard lock(mutex);
    statistics.used_bytes -= bytes;
    if (bytes > max_free_bytes) return std::free(data);
    statistics.free_bytes += bytes;
    free.emplace(bytes, data);
    while (statistics.free_bytes > max_free_bytes) {
      const auto smallest = free.begin();
      statistics.free_bytes -= smallest->first;
      std::free(smallest->second);
      free.erase(smallest);
    }
  }

  const size_t max_free_bytes;
  std::mutex mutex;
  std::multimap<size_t, void*> free;
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
  if (!data) data = std::aligned_alloc(kAlignment, block);
  if (!data) {
    throw_unavailable("out of memory: " + std::to_string(block) + " bytes for a tensor");
  }
  {
    const std::lock_guard lock(state_->mutex);
    Statistics& statistics = state_->statistics;
    statistics.used_bytes += block;
    statistics.peak_used_bytes = std::max(statistics.peak_used_bytes, statistics.used_bytes);
  }
  return std::make_shared<PooledBuffer<State>>(state_, data, block);
}

MemoryPool::Statistics MemoryPool::statistics() const {
  const std::lock_guard lock(state_->mutex);
  return state_->statistics;
}

}  // namespace echo::cpu
