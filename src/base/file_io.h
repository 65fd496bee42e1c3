// Files written whole or not at all.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace echo {

// Writes to a temporary name beside `path`, then renames. Makes the folders above it. Throws
// kUnavailable naming the path and the system's reason; then nothing is left behind.
void write_file_atomically(const std::filesystem::path& path, std::string_view data);

// Throws kNotFound, or kUnavailable naming the path and the system's reason.
std::string read_file(const std::filesystem::path& path);

// "No space left on device"
std::string system_reason(int error_number);

}  // namespace echo
