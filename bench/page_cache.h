// The system's cache of files, for measurements with and without it.
#pragma once

#include <cstdint>
#include <filesystem>

namespace echo::bench {

// Bytes of the file that are in memory. Errors: kNotFound, kUnavailable.
uint64_t cached_bytes(const std::filesystem::path& file);

// Reads the file, so that the cache holds it as far as memory allows.
void fill_cache(const std::filesystem::path& file);

// Asks the system to forget the file; what others have mapped or not yet written stays. With the
// right to do so, all caches of the machine are dropped as well, its lists of names included.
void drop_cache(const std::filesystem::path& file);

}  // namespace echo::bench
