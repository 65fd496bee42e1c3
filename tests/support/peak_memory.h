// The most memory that this process has held since a moment of a test's choice, as the kernel
// counts its pages.
#pragma once

#include <malloc.h>

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>

namespace echo {

class PeakMemory {
 public:
  // Counts from now on, after giving back what the allocator keeps for later.
  PeakMemory() {
    ::malloc_trim(0);
    std::ofstream marks("/proc/self/clear_refs");
    marks << "5" << std::flush;  // the peak is what is held now
    if (marks) before_ = field("VmRSS:");
  }

  // Bytes at the peak beyond those of the beginning. Nothing where the kernel does not let a
  // process ask, or a sanitizer's own memory would be counted.
  std::optional<int64_t> grown() const {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return std::nullopt;
#else
    if (!before_) return std::nullopt;
    return field("VmHWM:") - *before_;
#endif
  }

 private:
  static int64_t field(const std::string& name) {
    std::ifstream status("/proc/self/status");
    std::string word;
    int64_t kilobytes = 0;
    while (status >> word) {
      if (word == name && status >> kilobytes) return kilobytes * 1024;
    }
    return 0;
  }

  std::optional<int64_t> before_;
};

}  // namespace echo
