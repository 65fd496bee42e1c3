// Memory for weights: large pages, taken once, in few pieces.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>

namespace echo::cpu {

// Cuts weights out of large blocks that the system is asked to back with large pages: gigabytes in
// small pages cost seconds of page faults. A block is given back when nothing in it is used any
// more. Thread safe.
class WeightArena {
 public:
  static constexpr size_t kAlignment = 64;

  // Zero bytes. Throws Error kUnavailable when there is no memory.
  std::shared_ptr<void> allocate(size_t bytes);

 private:
  std::mutex mutex_;
  std::shared_ptr<void> block_;  // the one that is being cut
  size_t block_bytes_ = 0, used_ = 0;
};

}  // namespace echo::cpu
