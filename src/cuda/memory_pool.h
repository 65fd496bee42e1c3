// The device's memory, taken from the driver in arenas and cut into blocks.
#pragma once

#include <cstddef>
#include <memory>

#include "tensor/tensor.h"

namespace echo::cuda {

// Once the largest work has run, nothing is taken from the driver any more. All work is on one
// stream, so a block that is given back may be used by the next work at once. Thread safe; buffers
// may outlive the pool.
class MemoryPool {
 public:
  // limit: the most that is taken from the driver, in bytes; 0: all there is.
  explicit MemoryPool(size_t limit);

  // Aligned to 512 bytes, uninitialised. Errors: kUnavailable when the limit or the device's memory
  // does not allow it.
  std::shared_ptr<Buffer> allocate(size_t bytes);

  struct Statistics {
    size_t used_bytes = 0;       // in buffers
    size_t peak_used_bytes = 0;  // the most so far
    size_t held_bytes = 0;       // taken from the driver: it is never given back before the end
    size_t arenas = 0;
  };
  Statistics statistics() const;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace echo::cuda
