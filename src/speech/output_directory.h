// Where spoken audio goes when the object store fails for good, so that it is not lost.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/descriptor.h"

namespace echo {

struct OutputDirectoryOptions {
  std::string path;                  // empty: there is none
  std::chrono::hours retention{24};  // older files are removed; 0: whatever their age
  uint64_t max_bytes = uint64_t{1}
                       << 30;  // of all files together, the oldest go first; 0: no limit
};

struct OutputDirectoryState {
  uint64_t files = 0;
  uint64_t bytes = 0;
  uint64_t free_bytes = 0;  // of the file system, for us
};

// Only files directly inside that end in .ogg, .wav, .flac or .mp3 count and are ever removed, so
// the directory must hold nothing else of that kind: see overlaps().
// Threads: every member may be called from any thread; several processes may share a directory.
class OutputDirectory {
 public:
  explicit OutputDirectory(OutputDirectoryOptions options, Clock& clock = real_clock());

  // Writes a file under its final name all at once or not at all, replacing one of that name, and
  // makes the directory if need be. Older files make room for it. Throws kInvalidArgument for a
  // name that is no plain file name with one of the suffixes; kUnavailable, naming the file and
  // never its directory, when it cannot be written: no directory, no permission, no space, or
  // larger than max_bytes.
  void save(const std::string& name, std::string_view bytes);

  // Removes what is too old or too much, and half-written files that a killed process left. Returns
  // how many files went. Failures are not errors: there is always a next time.
  uint64_t clean();

  // Makes the directory if need be. Throws kUnavailable when that is not possible, or no file can
  // be made in it.
  OutputDirectoryState check() const;

  // Whether the directory of that path is this one, below it or above it: then cleaning might
  // remove files of others. Neither has to exist yet.
  bool overlaps(const std::string& path) const;

  const std::string& path() const { return options_.path; }

 private:
  Descriptor open_folder(bool create) const;
  uint64_t make_room(int folder, uint64_t wanted) const;

  const OutputDirectoryOptions options_;
  Clock& clock_;
  mutable std::mutex mutex_;
};

}  // namespace echo
