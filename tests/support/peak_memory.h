// What memory this process holds, and the most that it has held since a moment of a test's choice,
// as the kernel counts its pages.
#pragma once

#include <malloc.h>

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>

namespace echo {

// A sanitizer's own memory would be counted.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kMemoryCounts = false;
#else
inline constexpr bool kMemoryCounts = true;
#endif

// What a test says that cannot count memory: where PeakMemory::grown() gives nothing.
inline constexpr const char* kNoPeakMemory =
    kMemoryCounts ? "/proc/self/clear_refs cannot be written, so memory's peak is not known"
                  : "a sanitizer's own memory would be counted";

// The number of bytes in a line of /proc/self/status; 0 without one.
inline int64_t memory_field(const std::string& name) {
  std::ifstream status("/proc/self/status");
  std::string word;
  int64_t kilobytes = 0;
  while (status >> word) {
    if (word == name && status >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}

// From now on all threads allocate from one heap: what is free in a heap of a thread's own is not
// given back. To be called before there are others.
inline void allocate_from_one_heap() { ::mallopt(M_ARENA_MAX, 1); }

// Bytes that are the process's own, files not among them, after giving back what the allocator
// keeps for later.
inline int64_t held_memory() {
  ::malloc_trim(0);
  return memory_field("RssAnon:");
}

class PeakMemory {
 public:
  // Counts from now on, after giving back what the allocator keeps for later.
  PeakMemory() {
    ::malloc_trim(0);
    std::ofstream marks("/proc/self/clear_refs");
    marks << "5" << std::flush;  // the peak is what is held now
    if (marks) before_ = memory_field("VmRSS:");
  }

  // Bytes at the peak beyond those of the beginning. Nothing where the kernel does not let a
  // process ask, or it would not count.
  std::optional<int64_t> grown() const {
    if (!before_ || !kMemoryCounts) return std::nullopt;
    return memory_field("VmHWM:") - *before_;
  }

 private:
  std::optional<int64_t> before_;
};

}  // namespace echo
