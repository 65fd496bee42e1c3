#include "speech/output_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "base/uuid.h"
#include "speech/public_text.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using Time = std::chrono::system_clock::time_point;

constexpr std::string_view kPartial = ".partial-";  // begins the name of a file being written
constexpr std::chrono::hours kAbandoned{1};         // nobody writes one file for so long

bool is_result_name(std::string_view name) {
  static constexpr std::array<std::string_view, 4> kSuffixes = {".ogg", ".wav", ".flac", ".mp3"};
  if (name.empty() || name.front() == '.' || name.size() > 250) return false;
  if (name.find('/') != std::string_view::npos || name.find('\0') != std::string_view::npos) {
    return false;
  }
  return std::any_of(kSuffixes.begin(), kSuffixes.end(),
                     [&](std::string_view suffix) { return name.ends_with(suffix); });
}

struct StoredFile {
  std::string name;
  uint64_t size;
  Time modified;
};

Time time_of(const timespec& time) {
  return Time(std::chrono::duration_cast<Time::duration>(std::chrono::seconds(time.tv_sec) +
                                                         std::chrono::nanoseconds(time.tv_nsec)));
}

// Regular files for which `wanted` holds, the oldest first.
template <class Wanted>
std::vector<StoredFile> files_in(int folder, Wanted wanted) {
  std::vector<StoredFile> files;
  const int number = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (number < 0) return files;
  const std::unique_ptr<DIR, int (*)(DIR*)> items(::fdopendir(number), ::closedir);
  if (!items) {
    ::close(number);
    return files;
  }
  while (const dirent* item = ::readdir(items.get())) {
    struct stat status {};
    if (!wanted(std::string_view(item->d_name)) ||
        ::fstatat(folder, item->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(status.st_mode)) {
      continue;
    }
    files.push_back({item->d_name, static_cast<uint64_t>(status.st_size), time_of(status.st_mtim)});
  }
  std::sort(files.begin(), files.end(), [](const StoredFile& a, const StoredFile& b) {
    return std::tie(a.modified, a.name) < std::tie(b.modified, b.name);
  });
  return files;
}

bool remove(int folder, const std::string& name) {
  return ::unlinkat(folder, name.c_str(), 0) == 0;
}

std::string reason(int code) {
  if (code == ENOSPC) return "no space is left on the device";
  if (code == EDQUOT) return "the disk quota is used up";
  if (code == EFBIG) return "files may not be as large as that here";
  return std::strerror(code);
}

// Writes all bytes to disk. Returns 0 or what went wrong.
int write_out(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(file, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return put < 0 ? errno : EIO;
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  return ::fsync(file) == 0 ? 0 : errno;
}

}  // namespace

OutputDirectory::OutputDirectory(OutputDirectoryOptions options, Clock& clock)
    : options_(std::move(options)), clock_(clock) {}

Descriptor OutputDirectory::open_folder(bool create) const {
  std::error_code ignored;  // opening it will tell
  if (create) fs::create_directories(options_.path, ignored);
  return Descriptor(::open(options_.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

void OutputDirectory::save(const std::string& name, std::string_view bytes) {
  if (!is_result_name(name)) {
    throw_invalid("output file " + in_quotes(name) +
                  ": expected a plain name that ends in .ogg, .wav, .flac or .mp3");
  }
  const std::string what = "output file " + in_quotes(name, 256) + ": cannot be written, ";
  if (options_.path.empty()) throw_unavailable(what + "no output directory is configured");
  if (options_.max_bytes > 0 && bytes.size() > options_.max_bytes) {
    throw_unavailable(what + "it has " + std::to_string(bytes.size()) +
                      " bytes, the directory may hold " + std::to_string(options_.max_bytes));
  }
  std::scoped_lock lock(mutex_);
  const Descriptor folder = open_folder(true);
  if (!folder) throw_unavailable(what + "the output directory: " + reason(errno));
  make_room(folder.get(), bytes.size());

  const std::string partial = std::string(kPartial) + random_uuid();
  const Descriptor file(::openat(folder.get(), partial.c_str(),
                                 O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file) throw_unavailable(what + reason(errno));
  int code = write_out(file.get(), bytes);
  if (code == 0 && ::renameat(folder.get(), partial.c_str(), folder.get(), name.c_str()) != 0) {
    code = errno;
  }
  if (code != 0) {
    remove(folder.get(), partial);
    throw_unavailable(what + reason(code) + " (" + std::to_string(bytes.size()) + " bytes)");
  }
  ::fsync(folder.get());  // the name, too, survives a power cut where the file system allows
}

// Removes old files until `wanted` more bytes fit.
uint64_t OutputDirectory::make_room(int folder, uint64_t wanted) const {
  const Time now = clock_.wall_now();
  uint64_t removed = 0;
  for (const StoredFile& file :
       files_in(folder, [](std::string_view name) { return name.starts_with(kPartial); })) {
    if (file.modified + kAbandoned < now) removed += remove(folder, file.name);
  }
  const std::vector<StoredFile> files = files_in(folder, is_result_name);
  uint64_t total = wanted;
  for (const StoredFile& file : files) total += file.size;
  for (const StoredFile& file : files) {
    const bool old = options_.retention.count() > 0 && file.modified + options_.retention < now;
    const bool much = options_.max_bytes > 0 && total > options_.max_bytes;
    if (!old && !much) continue;
    if (remove(folder, file.name)) {
      ++removed;
      total -= file.size;
    }
  }
  return removed;
}

uint64_t OutputDirectory::clean() {
  std::scoped_lock lock(mutex_);
  const Descriptor folder = open_folder(false);
  return folder ? make_room(folder.get(), 0) : 0;
}

OutputDirectoryState OutputDirectory::check() const {
  if (options_.path.empty()) throw_unavailable("output directory: none is configured");
  const Descriptor folder = open_folder(true);
  if (!folder) throw_unavailable("output directory: " + reason(errno));
  const std::string probe = std::string(kPartial) + random_uuid();
  const Descriptor file(::openat(folder.get(), probe.c_str(),
                                 O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file) throw_unavailable("output directory: no file can be made in it, " + reason(errno));
  remove(folder.get(), probe);

  OutputDirectoryState state;
  for (const StoredFile& stored : files_in(folder.get(), is_result_name)) {
    ++state.files;
    state.bytes += stored.size;
  }
  struct statvfs space {};
  if (::fstatvfs(folder.get(), &space) == 0) {
    state.free_bytes = uint64_t{space.f_bavail} * space.f_frsize;
  }
  return state;
}

bool OutputDirectory::overlaps(const std::string& path) const {
  std::error_code failure;
  if (options_.path.empty() || path.empty()) return false;
  const auto resolved = [&](const std::string& name) {
    const fs::path whole = fs::weakly_canonical(fs::absolute(name), failure);
    return whole.has_filename() ? whole : whole.parent_path();  // "/results/", not there yet
  };
  const fs::path ours = resolved(options_.path);
  if (failure) return false;
  const fs::path theirs = resolved(path);
  if (failure) return false;
  const auto [a, b] = std::mismatch(ours.begin(), ours.end(), theirs.begin(), theirs.end());
  return a == ours.end() || b == theirs.end();
}

}  // namespace echo
