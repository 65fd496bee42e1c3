// The device's memory, taken from the driver in arenas and cut into blocks.
#pragma once

#include <cstddef>
#include <memory>

#include "tensor/tensor.h"

namespace echo::cuda {

// Once the largest work has run, nothing is taken from the driver any more. All work is on one
// stream, so a block that is given back may be used by the next work at once. Thread safe, but for
// WorkMemory; buffers may outlive the pool.
class MemoryPool {
 public:
  // limit: the most that is taken from the driver, in bytes; 0: all there is.
  explicit MemoryPool(size_t limit);

  // Aligned to 256 bytes, uninitialised. Errors: kUnavailable when the limit or the device's memory
  // does not allow it.
  std::shared_ptr<Buffer> allocate(size_t bytes);

  struct Statistics {
    size_t used_bytes = 0;       // in buffers
    size_t peak_used_bytes = 0;  // the most so far
    size_t held_bytes = 0;       // taken from the driver, given back only when memory is short
    size_t arenas = 0;
  };
  Statistics statistics() const;  // of both memories

 private:
  friend class WorkMemory;
  class Budget;
  class State;
  std::shared_ptr<Budget> budget_;
  std::shared_ptr<State> lasting_, work_;
  bool working_ = false;
};

// While one exists, memory comes from arenas of its own: recorded work writes there whenever it is
// repeated. So nothing that is to last may be allocated meanwhile, but what is written once the
// work is done and read before it is repeated.
class WorkMemory {
 public:
  explicit WorkMemory(MemoryPool& pool) : pool_(pool) { pool_.working_ = true; }
  ~WorkMemory() { pool_.working_ = false; }
  WorkMemory(const WorkMemory&) = delete;
  WorkMemory& operator=(const WorkMemory&) = delete;

 private:
  MemoryPool& pool_;
};

}  // namespace echo::cuda
