// Reads of a start: what a loader will need is brought into memory by several threads at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <thread>
#include <vector>

#include "nn/safetensors.h"

namespace echo {

// Where pages are when they have been read.
enum class ReadInto {
  kPageCache,  // the system's, for a loader that makes copies: they do not count as this process's
  kProcess,    // mapped in it too, for what is used where it lies
};

// Reads the tensors' pages in the order in which they lie in the files, a few megabytes at a time
// on each thread, so that a loader behind finds them there, and a disk or a network volume has many
// reads to do at once. Tensors that are not mapped are left out. A read that fails is left to the
// loader, who meets it again.
class ReadAhead {
 public:
  // Begins at once. The files must stay open as long as this lives.
  ReadAhead(std::span<const TensorView* const> tensors, ReadInto into, int threads = 4);
  // Gives up what has not begun.
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // Waits until everything has been read.
  void wait();
  // Of all tensors together.
  uint64_t bytes() const { return bytes_; }

 private:
  using Range = std::span<const std::byte>;
  void work(std::stop_token stop);

  ReadInto into_;
  std::vector<Range> ranges_;
  uint64_t bytes_ = 0;
  std::atomic<size_t> next_{0};
  std::vector<std::jthread> threads_;  // last: they use all of the above
};

}  // namespace echo
