#include "cuda/memory_pool.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "cuda/handles.h"

namespace echo::cuda {
namespace {

constexpr size_t kGranularity = 512;
constexpr size_t kArenaBytes = size_t{64} << 20;
constexpr size_t kArenaGranularity = size_t{2} << 20;  // of the driver

size_t rounded_up(size_t bytes, size_t granularity) {
  return (bytes + granularity - 1) / granularity * granularity;
}

std::string megabytes(size_t bytes) { return std::to_string(bytes >> 20) + " MB"; }

}  // namespace

// What may be taken from the driver, by all memories together.
class MemoryPool::Budget {
 public:
  explicit Budget(size_t limit) : limit_(limit) {}
  size_t limit() const { return limit_; }
  size_t held() const { return held_; }
  bool allows(size_t bytes) const {
    return !limit_ || bytes <= limit_ - std::min(limit_, held_.load());
  }
  void add(size_t bytes) { held_ += bytes; }
  void subtract(size_t bytes) { held_ -= bytes; }

 private:
  const size_t limit_;
  std::atomic<size_t> held_ = 0;
};

class MemoryPool::State {
 public:
  // trims: arenas may be given back when memory is short.
  State(std::shared_ptr<Budget> budget, bool trims) : budget_(std::move(budget)), trims_(trims) {}

  // The block's address; `bytes` becomes its size.
  char* take(size_t& bytes) {
    const std::lock_guard lock(mutex_);
    bytes = rounded_up(std::max<size_t>(bytes, 1), kGranularity);
    auto found = free_.lower_bound({bytes, nullptr});
    if (found == free_.end()) {
      add_arena(bytes);
      found = free_.lower_bound({bytes, nullptr});
    }
    const auto [size, address] = *found;
    free_.erase(found);
    Block& block = blocks_.at(address);
    block.free = false;
    if (size > bytes) {
      blocks_[address + bytes] = {size - bytes, block.arena, true};
      free_.insert({size - bytes, address + bytes});
      block.bytes = bytes;
    }
    statistics_.used_bytes += bytes;
    statistics_.peak_used_bytes = std::max(statistics_.peak_used_bytes, statistics_.used_bytes);
    return address;
  }

  void give(char* address) {
    const std::lock_guard lock(mutex_);
    auto block = blocks_.find(address);
    statistics_.used_bytes -= block->second.bytes;
    block->second.free = true;
    if (const auto next = std::next(block); joins(block, next)) merge(block, next);
    if (block != blocks_.begin()) {
      if (const auto last = std::prev(block); joins(last, block)) {
        free_.erase({last->second.bytes, last->first});
        last->second.bytes += block->second.bytes;
        blocks_.erase(block);
        block = last;
      }
    }
    free_.insert({block->second.bytes, block->first});
  }

  Statistics statistics() const {
    const std::lock_guard lock(mutex_);
    return statistics_;
  }

 private:
  struct Block {
    size_t bytes = 0;
    char* arena = nullptr;
    bool free = false;
  };
  struct Arena {
    DeviceMemory memory;
    size_t bytes = 0;
  };
  using Blocks = std::map<char*, Block>;

  bool joins(Blocks::iterator first, Blocks::iterator second) const {
    return second != blocks_.end() && first->second.free && second->second.free &&
           first->second.arena == second->second.arena;
  }
  void merge(Blocks::iterator first, Blocks::iterator second) {
    free_.erase({second->second.bytes, second->first});
    first->second.bytes += second->second.bytes;
    blocks_.erase(second);
  }

  void add_arena(size_t bytes) {
    const size_t least = rounded_up(bytes, kArenaGranularity);
    size_t size = std::max(least, kArenaBytes);
    std::optional<DeviceMemory> memory = from_driver(size);
    if (!memory && size > least) memory = from_driver(size = least);
    if (!memory && trims_ && trim()) memory = from_driver(least);
    if (!memory) {
      throw_unavailable(
          "CUDA: out of memory: " + megabytes(least) + " more wanted, " +
          megabytes(budget_->held()) + " held of which " +
          megabytes(statistics_.held_bytes - statistics_.used_bytes) + " are free in pieces" +
          (budget_->limit() ? ", the limit is " + megabytes(budget_->limit()) : std::string()));
    }
    char* address = static_cast<char*>(memory->get());
    blocks_[address] = {size, address, true};
    free_.insert({size, address});
    arenas_.emplace(address, Arena{std::move(*memory), size});
    statistics_.held_bytes += size;
    budget_->add(size);
    statistics_.arenas = arenas_.size();
  }

  // Gives arenas that nothing is in back to the driver; whether there were any. The driver waits
  // for the device first, so this is for when there is no other way.
  bool trim() {
    bool any = false;
    for (auto arena = arenas_.begin(); arena != arenas_.end();) {
      const auto block = blocks_.find(arena->first);
      if (!block->second.free || block->second.bytes != arena->second.bytes) {
        ++arena;
        continue;
      }
      statistics_.held_bytes -= arena->second.bytes;
      budget_->subtract(arena->second.bytes);
      free_.erase({block->second.bytes, block->first});
      blocks_.erase(block);
      arena = arenas_.erase(arena);
      any = true;
    }
    statistics_.arenas = arenas_.size();
    return any;
  }

  std::optional<DeviceMemory> from_driver(size_t bytes) const {
    if (!budget_->allows(bytes)) return {};
    void* memory = nullptr;
    const cudaError_t status = cudaMalloc(&memory, bytes);
    if (status == cudaErrorMemoryAllocation) {
      (void)cudaGetLastError();  // this one is no defect
      return {};
    }
    check(status, "taking memory");
    return DeviceMemory(memory);
  }

  const std::shared_ptr<Budget> budget_;
  mutable std::mutex mutex_;
  std::map<char*, Arena> arenas_;
  const bool trims_;
  Blocks blocks_;
  std::set<std::pair<size_t, char*>> free_;  // the smallest that is large enough is taken
  Statistics statistics_;
};

namespace {

template <class State>
class PooledBuffer : public Buffer {
 public:
  PooledBuffer(std::shared_ptr<State> state, size_t bytes)
      : state_(std::move(state)), bytes_(bytes), data_(state_->take(bytes_)) {}
  ~PooledBuffer() override { state_->give(data_); }
  PooledBuffer(const PooledBuffer&) = delete;
  PooledBuffer& operator=(const PooledBuffer&) = delete;
  void* data() const override { return data_; }
  size_t bytes() const override { return bytes_; }

 private:
  std::shared_ptr<State> state_;
  size_t bytes_;
  char* data_;
};

}  // namespace

MemoryPool::MemoryPool(size_t limit)
    : budget_(std::make_shared<Budget>(limit)),
      lasting_(std::make_shared<State>(budget_, true)),
      // Recordings write to memory that looks free.
      work_(std::make_shared<State>(budget_, false)) {}

std::shared_ptr<Buffer> MemoryPool::allocate(size_t bytes) {
  if (bytes > SIZE_MAX / 2) throw_unavailable("CUDA: out of memory: a tensor of nearly 2^64 bytes");
  return std::make_shared<PooledBuffer<State>>(working_ ? work_ : lasting_, bytes);
}

MemoryPool::Statistics MemoryPool::statistics() const {
  Statistics total = lasting_->statistics();
  const Statistics work = work_->statistics();
  total.used_bytes += work.used_bytes;
  total.peak_used_bytes += work.peak_used_bytes;
  total.held_bytes += work.held_bytes;
  total.arenas += work.arenas;
  return total;
}

}  // namespace echo::cuda
