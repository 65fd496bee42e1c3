// One block of threads of a kernel, run by one OS thread.
//
// Each thread of the block is a fiber. It runs until it waits for others: at a barrier of the block
// or at an instruction that its warp executes together. Warps, and the lanes of a warp, take turns
// in an order shuffled by a seed, so a kernel that forgets a barrier reads what is not there yet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

namespace echo::cuda_emulation {

// What a kernel or its caller must not do, found by the emulator. The text says what and where.
class Violation : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

// A barrier or a collective instruction in the source.
struct Place {
  const char* file = "";
  int line = 0;
};

struct Index3 {
  unsigned x = 0, y = 0, z = 0;
};

struct BlockShape {
  Index3 threads;
  size_t dynamic_shared_bytes = 0;
};

class Block {
 public:
  // The block whose threads the calling OS thread runs. Violation outside of a kernel.
  static Block& current();

  Block();
  ~Block();
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  // Runs kernel(closure) on every thread of the block. Shared memory begins as NaN. `seed` decides
  // the order. Errors: Violation: threads that wait for what cannot come, writes past the dynamic
  // shared memory, and what the instructions check.
  void run(const BlockShape& shape, uint64_t seed, void (*kernel)(const void*),
           const void* closure);

  // What follows is called by threads of the block.

  void* dynamic_shared() const;
  // Waits for all threads that have not ended; how many of them came with a true value.
  int barrier(bool value, Place place);
  // Waits for the lanes of `mask`, which must come with the same operation and mask; then
  // complete(the operands of each lane, mask) has run, once.
  using Complete = void (*)(void* const* operands, uint32_t mask);
  void collective(const char* operation, Complete complete, uint32_t mask, void* operands,
                  Place place);
  unsigned lane() const;
  uint32_t active_mask() const;  // the lanes of this warp that have not ended

  // Copies to shared memory: some take effect at once, the others when they are waited for.
  void begin_copy(void* to, const void* from, size_t bytes, bool valid);
  void commit_copies();
  void wait_copies(int newest);

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace echo::cuda_emulation

// What a kernel reads; set by the block that runs.
extern constinit thread_local echo::cuda_emulation::Index3 threadIdx, blockIdx, blockDim, gridDim;
