#include "cpu/weight_arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "base/error.h"

namespace echo::cpu {
namespace {

constexpr size_t kLargePage = size_t{2} << 20;
constexpr size_t kBlock = size_t{128} << 20;

std::shared_ptr<void> map_block(size_t bytes) {
  // A large page begins at a multiple of its size, which mmap does not promise.
  const size_t mapped = bytes + kLargePage;
  void* const start =
      ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) {
    throw_unavailable("no memory for " + std::to_string(bytes >> 20) + " MiB of weights");
  }
  const auto address = reinterpret_cast<uintptr_t>(start);
  void* const aligned =
      reinterpret_cast<void*>((address + kLargePage - 1) / kLargePage * kLargePage);
  ::madvise(aligned, bytes, MADV_HUGEPAGE);
  const std::shared_ptr<void> whole(start, [mapped](void* p) { ::munmap(p, mapped); });
  return {whole, aligned};
}

}  // namespace

std::shared_ptr<void> WeightArena::allocate(size_t bytes) {
  bytes = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  const std::lock_guard lock(mutex_);
  if (bytes > block_bytes_ - used_) {
    block_bytes_ = std::max(kBlock, (bytes + kLargePage - 1) / kLargePage * kLargePage);
    block_ = map_block(block_bytes_);
    used_ = 0;
  }
  std::shared_ptr<void> piece(block_, static_cast<char*>(block_.get()) + used_);
  used_ += bytes;
  return piece;
}

}  // namespace echo::cpu
