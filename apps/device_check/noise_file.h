// Random numbers written to a file, for a comparison with torch.randn on the same machine.
#pragma once

#include <filesystem>

namespace echo::device_check {

// For each of the seeds 0, 1, 1234, 2^31 and 2^63 - 1, and each of 640 x 80 and 128 x 80 values:
// two draws in a row, as float32. Errors: kUnavailable when the file cannot be written.
void write_noise(const std::filesystem::path& file);

}  // namespace echo::device_check
