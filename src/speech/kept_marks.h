// Which files of a folder are this program's own, so that no other is ever removed.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

namespace echo {

// A hidden folder in the folder holds a mark under the name of each file that was written here: its
// size and its time of writing. A file that somebody has changed or put in place of ours since is
// no longer ours. Threads and processes: no state but the folder's.
class KeptMarks {
 public:
  // The folder need not exist.
  explicit KeptMarks(const std::filesystem::path& folder);

  // Whether the file of that name, in that state, was written by this program.
  bool has(const std::string& name, const struct stat& status) const;
  // Marks what is about to get the name, beside what has it now. Returns 0 or the system's error
  // number.
  int add(const std::string& name, const struct stat& status) const;
  void remove(const std::string& name) const;
  // The names of all files that are marked, whether they are still there or not.
  std::vector<std::string> names() const;
  // Removes the marks of files that have long been gone.
  void clean() const;

 private:
  std::filesystem::path folder_, marks_;
};

}  // namespace echo
