// Where spoken audio goes when the object store fails for good, so that it is not lost.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "speech/kept_marks.h"

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

// Only files that this program wrote here, and nobody has changed since, count and are ever removed
// or replaced (kept_marks.h). Threads: every member may be called from any thread; several
// processes may share a directory.
class OutputDirectory {
 public:
  explicit OutputDirectory(OutputDirectoryOptions options, Clock& clock = real_clock());

  // Writes a file all at once or not at all, replacing one of that name which this program wrote,
  // and makes the directory if need be. Older files make room for it. Returns its name: another
  // ("a-2.ogg") when something else has the one that was asked for. Throws kInvalidArgument for a
  // name that is no plain file name with one of the suffixes; kUnavailable, naming the file and
  // never its directory, when it cannot be written: no directory, no permission, no space, or
  // larger than max_bytes.
  std::string save(const std::string& name, std::string_view bytes);

  // Removes what is too old or too much, and half-written files that a killed process left. Returns
  // how many files went. Failures are not errors: there is always a next time.
  uint64_t clean();

  // Makes the directory if need be. Throws kUnavailable when that is not possible, or no file can
  // be made in it.
  OutputDirectoryState check() const;

  const std::string& path() const { return options_.path; }

 private:
  struct KeptFile;

  // 0 or the system's error number.
  int make_folder() const;
  std::vector<KeptFile> kept_files() const;
  std::string free_name(const std::string& name) const;
  int write(const std::string& name, std::string_view bytes) const;
  uint64_t make_room(uint64_t wanted) const;

  const OutputDirectoryOptions options_;
  const std::filesystem::path folder_;
  const KeptMarks marks_;
  Clock& clock_;
  mutable std::mutex mutex_;
};

// Whether one of two directories is the other, lies in it or above it. Neither has to exist yet; an
// empty path overlaps none.
bool directories_overlap(const std::string& one, const std::string& other);

}  // namespace echo
