// Memory that is used again instead of being given back to the system.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>

#include "tensor/tensor.h"

namespace echo::cpu {

// Thread safe. Buffers may outlive the pool's other users but not the pool's shared state, which
// they hold.
class MemoryPool {
 public:
  // Given back to the system are free blocks of more than `max_free_bytes` together, and those by
  // which used and free ones are an eighth more than was ever used at a time: work on tensors of
  // ever other sizes then needs little more memory than its largest.
  explicit MemoryPool(size_t max_free_bytes);

  // 64-byte aligned, uninitialised. Throws Error kUnavailable when there is no memory.
  std::shared_ptr<Buffer> allocate(size_t bytes);

  struct Statistics {
    size_t used_bytes = 0;
    size_t free_bytes = 0;
    size_t peak_used_bytes = 0;
  };
  Statistics statistics() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace echo::cpu
