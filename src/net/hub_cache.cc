#include "net/hub_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <string_view>

#include "base/ascii.h"
#include "base/atomic_file.h"
#include "base/descriptor.h"
#include "base/error.h"
#include "base/file_io.h"

namespace echo {
namespace {

namespace fs = std::filesystem;

constexpr size_t kReadBlock = size_t{1} << 20;
constexpr std::string_view kIncomplete = ".incomplete";
constexpr std::chrono::hours kStale{7 * 24};
// Who writes without a lock, as on a disk that knows none, writes oftener than this.
constexpr std::chrono::minutes kAtRest{1};

bool is_name_byte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '_' || c == '.';
}

bool is_repository_part(std::string_view part) {
  return !part.empty() && std::all_of(part.begin(), part.end(), is_name_byte) &&
         part.find("--") == std::string_view::npos && part.find("..") == std::string_view::npos &&
         part.front() != '-' && part.front() != '.' && part.back() != '-' && part.back() != '.';
}

std::string folder_name(const std::string& repository) {
  check_repository_name(repository);
  std::string name = "models--" + repository;
  if (const auto slash = name.find('/'); slash != std::string::npos) name.replace(slash, 1, "--");
  return name;
}

// The folder of that name, or else the first that differs in case only: platforms that keep
// read-only caches fold names.
fs::path existing_folder(const fs::path& root, const std::string& name) {
  std::error_code error;
  if (fs::is_directory(root / name, error)) return root / name;
  std::vector<std::string> others;
  for (fs::directory_iterator it(root, error), end; !error && it != end; it.increment(error)) {
    const std::string other = it->path().filename().string();
    if (lower(other) == lower(name)) others.push_back(other);
  }
  std::sort(others.begin(), others.end());
  return root / (others.empty() ? name : others.front());
}

// ETAG.incomplete, or ETAG.RANDOM.incomplete.
bool is_leftover_of(const fs::path& path, const std::string& etag) {
  return path.extension() == kIncomplete && path.filename().string().starts_with(etag + ".");
}

void make_folders(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw_unavailable("cannot create folder " + folder.string() + ": " + error.message());
}

// Returns 0 or the system's error number.
int copy_file_atomically(const fs::path& from, const fs::path& to) {
  AtomicFile copy;
  if (const int error = copy.create(to)) return error;
  std::ifstream file(from, std::ios::binary);
  std::string block(kReadBlock, '\0');
  while (file) {
    file.read(block.data(), static_cast<std::streamsize>(block.size()));
    const auto got = static_cast<size_t>(file.gcount());
    if (const int error = copy.write(std::string_view(block).substr(0, got))) return error;
  }
  if (!file.eof()) return EIO;
  return copy.commit(Durability::kWhole);
}

bool no_symlinks_here(int error_number) {
  return error_number == EPERM || error_number == ENOSYS || error_number == EOPNOTSUPP ||
         error_number == EINVAL;
}

}  // namespace

void check_repository_name(const std::string& repository) {
  const auto slash = repository.find('/');
  const bool good = repository.size() <= 96 &&
                    (slash == std::string::npos
                         ? is_repository_part(repository)
                         : is_repository_part(std::string_view(repository).substr(0, slash)) &&
                               is_repository_part(std::string_view(repository).substr(slash + 1)));
  if (!good)
    throw_invalid("hub: \"" + repository.substr(0, 100) + "\" is not the name of a repository");
}

void check_relative_name(const std::string& what, const std::string& name) {
  std::string_view rest = name;
  bool good = !name.empty() && name.size() <= 1000;
  while (good) {
    const auto slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    good = !part.empty() && part.size() <= 255 && part != "." && part != ".." &&
           std::none_of(part.begin(), part.end(),
                        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '\\'; });
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  if (!good) throw_invalid("hub: the " + what + " is not a relative name");
}

bool is_commit_hash(const std::string& revision) {
  return revision.size() == 40 && std::all_of(revision.begin(), revision.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

HubCache::HubCache(fs::path root, const std::string& repository)
    : root_(std::move(root)),
      folder_name_(folder_name(repository)),
      folder_(existing_folder(root_, folder_name_)) {}

fs::path HubCache::blob(const std::string& etag) const { return folder_ / "blobs" / etag; }

fs::path HubCache::incomplete(const std::string& etag) const {
  return folder_ / "blobs" / (etag + std::string(kIncomplete));
}

fs::path HubCache::lock(const std::string& etag) const {
  return root_ / ".locks" / folder_name_ / (etag + ".lock");
}

fs::path HubCache::snapshot(const std::string& commit) const {
  return folder_ / "snapshots" / commit;
}

std::optional<std::string> HubCache::commit_of(const std::string& revision) const {
  check_relative_name("revision", revision);
  std::error_code error;
  if (fs::is_regular_file(folder_ / "refs" / revision, error)) {
    const std::string commit(trimmed(read_file(folder_ / "refs" / revision)));
    if (!commit.empty() && commit.size() <= 64 &&
        std::all_of(commit.begin(), commit.end(), is_name_byte) && commit.front() != '.') {
      return commit;
    }
  }
  if (is_commit_hash(revision)) return revision;
  return std::nullopt;
}

std::optional<fs::path> HubCache::find(const std::string& revision,
                                       const std::vector<std::string>& files) const {
  const auto commit = commit_of(revision);
  if (!commit) return std::nullopt;
  for (const std::string& file : files) {
    check_relative_name("name of a file", file);
    // A symlink counts only with what it points to.
    std::error_code error;
    if (!fs::is_regular_file(snapshot(*commit) / file, error)) return std::nullopt;
  }
  return snapshot(*commit);
}

void HubCache::take_over(const std::string& etag) const {
  std::error_code error;
  if (fs::exists(incomplete(etag), error)) return;
  const auto now = fs::file_time_type::clock::now();
  std::pair<std::uintmax_t, fs::path> longest;
  for (fs::directory_iterator it(folder_ / "blobs", error), end; !error && it != end;
       it.increment(error)) {
    const fs::path path = it->path();
    if (!is_leftover_of(path, etag) || path == incomplete(etag)) continue;
    std::error_code gone;
    const auto written = fs::last_write_time(path, gone);
    const std::uintmax_t size = gone ? 0 : fs::file_size(path, gone);
    if (!gone && now - written >= kAtRest) longest = std::max(longest, {size, path});
  }
  if (longest.first > 0) fs::rename(longest.second, incomplete(etag), error);
}

void HubCache::remove_stale(const std::string& etag) const {
  std::error_code error;
  remove_abandoned(folder_ / "blobs");
  const auto now = fs::file_time_type::clock::now();
  for (fs::directory_iterator it(folder_ / "blobs", error), end; !error && it != end;
       it.increment(error)) {
    const fs::path path = it->path();
    std::error_code gone;
    if (path.extension() != kIncomplete || is_leftover_of(path, etag) ||
        now - fs::last_write_time(path, gone) < kStale || gone) {
      continue;
    }
    const std::string name = path.filename();
    const Descriptor owner(
        ::open(lock(name.substr(0, name.find('.'))).c_str(), O_RDWR | O_CLOEXEC));
    const bool held = owner && ::flock(owner.get(), LOCK_EX | LOCK_NB) != 0;
    if (!held) fs::remove(path, gone);
  }
}

void HubCache::write_ref(const std::string& revision, const std::string& commit) const {
  if (revision == commit) return;
  const fs::path path = folder_ / "refs" / revision;
  std::error_code error;
  // Whoever wrote it may have ended it in a line break.
  if (fs::is_regular_file(path, error) && trimmed(read_file(path)) == commit) return;
  write_file_atomically(path, commit);
}

void HubCache::mark_absent(const std::string& commit, const std::string& file) const {
  write_file_atomically(folder_ / ".no_exist" / commit / file, "", Durability::kNone);
}

void HubCache::link_blob(const std::string& etag, const std::string& commit,
                         const std::string& file) const {
  const fs::path link = snapshot(commit) / file;
  std::error_code error;
  if (fs::is_regular_file(link, error)) return;
  make_folders(link.parent_path());
  const fs::path target = fs::relative(blob(etag), link.parent_path(), error);
  int reason = replace_symlink(target, link);
  if (no_symlinks_here(reason)) reason = copy_file_atomically(blob(etag), link);
  if (reason != 0)
    throw_unavailable("cannot create " + link.string() + ": " + system_reason(reason));
}

}  // namespace echo
