// How much memory there is, in a container as its control group says; and giving it back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace echo {

// In bytes; nothing where the system does not tell.
struct SystemMemory {
  std::optional<uint64_t> total;      // that processes here may use together
  std::optional<uint64_t> available;  // that may still be taken, page cache that can go included
};

// The machine's or the control group's, whichever is less. `root` is where proc/ and sys/ are
// found.
SystemMemory system_memory(const std::string& root = "/");

// Empties a large string, and gives the system its memory at once: the allocator would keep that
// for later.
void release_memory(std::string& bytes);

}  // namespace echo
