// Files read whole.
#pragma once

#include <filesystem>
#include <string>

namespace echo {

// Throws kNotFound, or kUnavailable naming the path and the system's reason.
std::string read_file(const std::filesystem::path& path);

// "No space left on device"
std::string system_reason(int error_number);

}  // namespace echo
