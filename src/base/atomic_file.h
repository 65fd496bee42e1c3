// Files and links that appear under their names whole or not at all, whatever kills the process.
//
// Each is made under a name that nobody can foretell, beside the one it is to have, and renamed.
// What a killed process leaves of it is in nobody's way, and is removed by whoever writes into the
// folder next, once it is old and nobody holds it: the writer of a file has a lock on it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace echo {

// What is on the disk for certain when a file has its name.
enum class Durability {
  kNone,    // nothing: for what its reader checks and can do without
  kWhole,   // its bytes: after a loss of power the name stands for the old content or the new one
  kDurable  // its name as well: after a loss of power it stands for the new content
};

// One file on its way. Functions return 0 or the system's error number. One thread at a time, but
// for descriptor(), which any thread may write through between create() and commit().
class AtomicFile {
 public:
  AtomicFile() = default;
  ~AtomicFile();  // leaves nothing behind without commit()
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // The folder must be there. A file that is replaced keeps its permissions, another gets `mode`.
  // The first call for a folder, and then one every hour, removes what was abandoned in it.
  int create(const std::filesystem::path& target, mode_t mode = 0644);
  int write(std::string_view bytes);
  // Gives the file its name, replacing what had it, and closes it.
  int commit(Durability durability);
  // Removes it.
  void discard();

  // May be read, too.
  int descriptor() const { return descriptor_; }

 private:
  std::filesystem::path target_, temporary_;
  int descriptor_ = -1;
};

// Makes the folders above `path` and the file. Throws kUnavailable naming the path and the system's
// reason; then nothing is left behind.
void write_file_atomically(const std::filesystem::path& path, std::string_view data,
                           Durability durability = Durability::kWhole);

// Makes `link` a symbolic link to `target`, replacing what had the name. Returns 0 or the system's
// error number.
int replace_symlink(const std::filesystem::path& target, const std::filesystem::path& link);

// A name beside `target` that nobody can foretell, for a file that is to be renamed to it. What is
// left under such a name is removed as abandoned.
std::filesystem::path temporary_beside(const std::filesystem::path& target);

// Removes what killed processes left in the folder: files that nobody holds and nobody has written
// to for ten minutes (a day where the file system knows no locks), and links of that age. Returns
// how many. Failures are no errors: there is always a next time.
size_t remove_abandoned(const std::filesystem::path& folder);

}  // namespace echo
