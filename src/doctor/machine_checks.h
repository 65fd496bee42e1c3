// Of the machine: disks, directories, voices.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "doctor/finding.h"

namespace echo {

// A directory that the program uses.
struct DirectoryUse {
  std::string variable;  // that names it: "OUTPUT_AUDIO_DIR"
  std::filesystem::path path;
  bool written = false;  // else only read
  // Room that it should have; less is a failure, and less than twice as much a warning.
  uint64_t needed_bytes = 0;
};

// Room on the disk below the directory, or below the nearest directory above it that exists.
Finding check_room(const DirectoryUse& use);

// Whether the directory is there, or can be made, and can be read, and written where it has to be:
// a file is made and removed. It stays as it was.
Finding check_rights(const DirectoryUse& use);

// How many voices there are and which cannot be used.
Finding check_voice_directory(const std::string& path);

}  // namespace echo
