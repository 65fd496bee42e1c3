#include "speech/output_directory.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <tuple>

#include "base/atomic_file.h"
#include "base/error.h"
#include "speech/public_text.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using FileTime = std::chrono::system_clock::time_point;

constexpr int kMaxNames = 1000;

bool is_result_name(std::string_view name) {
  static constexpr std::array<std::string_view, 5> kSuffixes = {".ogg", ".wav", ".flac", ".mp3",
                                                                ".aac"};
  if (name.empty() || name.front() == '.' || name.size() > 250) return false;
  if (name.find('/') != std::string_view::npos || name.find('\0') != std::string_view::npos) {
    return false;
  }
  return std::any_of(kSuffixes.begin(), kSuffixes.end(),
                     [&](std::string_view suffix) { return name.ends_with(suffix); });
}

FileTime time_of(const timespec& time) {
  return FileTime(std::chrono::duration_cast<FileTime::duration>(
      std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec)));
}

std::string reason(int code) {
  if (code == ENOSPC) return "no space is left on the device";
  if (code == EDQUOT) return "the disk quota is used up";
  if (code == EFBIG) return "files may not be as large as that here";
  return std::strerror(code);
}

}  // namespace

struct OutputDirectory::KeptFile {
  std::string name;
  uint64_t size;
  FileTime modified;
};

OutputDirectory::OutputDirectory(OutputDirectoryOptions options, Clock& clock)
    : options_(std::move(options)), folder_(options_.path), marks_(folder_), clock_(clock) {}

int OutputDirectory::make_folder() const {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (!error && !fs::is_directory(folder_, error) && !error) return ENOTDIR;
  return error.value();
}

// What is ours and still there, the oldest first.
std::vector<OutputDirectory::KeptFile> OutputDirectory::kept_files() const {
  std::vector<KeptFile> files;
  for (std::string& name : marks_.names()) {
    struct stat status {};
    if (::lstat((folder_ / name).c_str(), &status) != 0 || !marks_.has(name, status)) continue;
    files.push_back(
        {std::move(name), static_cast<uint64_t>(status.st_size), time_of(status.st_mtim)});
  }
  std::sort(files.begin(), files.end(), [](const KeptFile& a, const KeptFile& b) {
    return std::tie(a.modified, a.name) < std::tie(b.modified, b.name);
  });
  return files;
}

// The name itself, or the first like it that nothing has.
std::string OutputDirectory::free_name(const std::string& name) const {
  const fs::path path(name);
  std::string wanted = name;
  struct stat status {};
  for (int number = 2; number < kMaxNames; ++number) {
    if (::lstat((folder_ / wanted).c_str(), &status) != 0) return wanted;
    if (number == 2 && marks_.has(name, status)) return wanted;
    wanted = path.stem().string() + "-" + std::to_string(number) + path.extension().string();
  }
  throw_unavailable("output file " + in_quotes(name, 256) +
                    ": cannot be written, other files have its name and all like it");
}

int OutputDirectory::write(const std::string& name, std::string_view bytes) const {
  AtomicFile file;
  int code = file.create(folder_ / name);
  if (code == 0) code = file.write(bytes);
  if (code != 0) return code;
  // Its time is settled once it is on the disk.
  struct stat status {};
  if (::fsync(file.descriptor()) != 0 || ::fstat(file.descriptor(), &status) != 0) return errno;
  code = marks_.add(name, status);
  return code == 0 ? file.commit(Durability::kDurable) : code;
}

std::string OutputDirectory::save(const std::string& name, std::string_view bytes) {
  if (!is_result_name(name)) {
    throw_invalid("output file " + in_quotes(name) +
                  ": expected a plain name that ends in .ogg, .wav, .flac, .mp3 or .aac");
  }
  const std::string what = "output file " + in_quotes(name, 256) + ": cannot be written, ";
  if (options_.path.empty()) throw_unavailable(what + "no output directory is configured");
  if (options_.max_bytes > 0 && bytes.size() > options_.max_bytes) {
    throw_unavailable(what + "it has " + std::to_string(bytes.size()) +
                      " bytes, the directory may hold " + std::to_string(options_.max_bytes));
  }
  std::scoped_lock lock(mutex_);
  if (const int code = make_folder()) {
    throw_unavailable(what + "the output directory: " + reason(code));
  }
  make_room(bytes.size());
  const std::string given = free_name(name);
  if (const int code = write(given, bytes)) {
    throw_unavailable(what + reason(code) + " (" + std::to_string(bytes.size()) + " bytes)");
  }
  return given;
}

// Removes old files until `wanted` more bytes fit.
uint64_t OutputDirectory::make_room(uint64_t wanted) const {
  const FileTime now = clock_.wall_now();
  uint64_t removed = remove_abandoned(folder_);
  marks_.clean();
  const std::vector<KeptFile> files = kept_files();
  uint64_t total = wanted;
  for (const KeptFile& file : files) total += file.size;
  for (const KeptFile& file : files) {
    const bool old = options_.retention.count() > 0 && file.modified + options_.retention < now;
    const bool much = options_.max_bytes > 0 && total > options_.max_bytes;
    if (!old && !much) continue;
    if (::unlink((folder_ / file.name).c_str()) == 0) {
      marks_.remove(file.name);
      ++removed;
      total -= file.size;
    }
  }
  return removed;
}

uint64_t OutputDirectory::clean() {
  std::scoped_lock lock(mutex_);
  return options_.path.empty() ? 0 : make_room(0);
}

OutputDirectoryState OutputDirectory::check() const {
  if (options_.path.empty()) throw_unavailable("output directory: none is configured");
  if (const int code = make_folder()) throw_unavailable("output directory: " + reason(code));
  AtomicFile probe;
  if (const int code = probe.create(folder_ / "probe")) {
    throw_unavailable("output directory: no file can be made in it, " + reason(code));
  }
  OutputDirectoryState state;
  for (const KeptFile& kept : kept_files()) {
    ++state.files;
    state.bytes += kept.size;
  }
  struct statvfs space {};
  if (::statvfs(folder_.c_str(), &space) == 0) {
    state.free_bytes = uint64_t{space.f_bavail} * space.f_frsize;
  }
  return state;
}

bool directories_overlap(const std::string& one, const std::string& other) {
  std::error_code failure;
  if (one.empty() || other.empty()) return false;
  const auto resolved = [&](const std::string& name) {
    const fs::path whole = fs::weakly_canonical(fs::absolute(name), failure);
    return whole.has_filename() ? whole : whole.parent_path();  // "/results/", not there yet
  };
  const fs::path ours = resolved(one);
  if (failure) return false;
  const fs::path theirs = resolved(other);
  if (failure) return false;
  const auto [a, b] = std::mismatch(ours.begin(), ours.end(), theirs.begin(), theirs.end());
  return a == ours.end() || b == theirs.end();
}

}  // namespace echo
