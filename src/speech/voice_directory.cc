#include "speech/voice_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "audio/decode.h"
#include "audio/voice.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/utf8.h"
#include "speech/public_text.h"
#include "speech/unicode_name.h"

namespace echo {
namespace {

constexpr size_t kReadBytes = size_t{1} << 20;
constexpr size_t kMaxHashes = 10'000;
constexpr int kDeepestFolder = 16;
// A file may be written twice within one tick of its file system's clock, which is two seconds on
// the coarsest in use. Until that is over, equal times do not mean equal content.
constexpr std::chrono::seconds kSettled{3};

std::string named(std::string_view name) { return "voice " + in_quotes(name, 128) + ": "; }

[[noreturn]] void throw_errno(const std::string& what, int code) {
  switch (code) {
    case ENOENT:
    case ENOTDIR:
      throw_not_found(what + "there is no such file in the voices directory");
    case ENAMETOOLONG:
      throw_invalid(what + "the name is longer than a file's name can be");
    case ELOOP:
      throw_invalid(what + "its symbolic links lead in a circle");
    default:
      throw_unavailable(what + "cannot be read (" + std::strerror(code) + ")");
  }
}

// Where an open file is now, whatever name it was opened under; empty where that cannot be told.
std::string path_of(int file) {
  const std::string link = "/proc/self/fd/" + std::to_string(file);
  std::array<char, 8192> path;
  const ssize_t size = ::readlink(link.c_str(), path.data(), path.size());
  if (size <= 0 || static_cast<size_t>(size) == path.size()) return {};
  return std::string(path.data(), static_cast<size_t>(size));
}

bool is_below(const std::string& path, const std::string& root) {
  const std::string prefix = root.ends_with('/') ? root : root + '/';
  return path.size() > prefix.size() && path.starts_with(prefix);
}

// Calls `take` with the bytes of a file from its start on. Throws kUnavailable.
template <class Take>
void read_all(int file, const std::string& name, Take take) {
  std::string buffer(kReadBytes, '\0');
  uint64_t offset = 0;
  for (;;) {
    const ssize_t got = ::pread(file, buffer.data(), buffer.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno(named(name), errno);
    if (got == 0) return;
    offset += static_cast<uint64_t>(got);
    if (offset > VoiceDirectory::kMaxFile) {
      throw_unavailable(named(name) + "it grew while it was read");
    }
    take(std::string_view(buffer.data(), static_cast<size_t>(got)));
  }
}

int64_t nanoseconds(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

std::string VoiceFile::read() const {
  std::string bytes;
  bytes.reserve(size_);
  read_all(file_.get(), name_, [&](std::string_view piece) { bytes += piece; });
  if (hex(digest(DigestKind::kSha256, bytes)) != hash_) {
    throw_unavailable(named(name_) + "it was written to while it was read");
  }
  return bytes;
}

VoiceDirectory::VoiceDirectory(std::string path, Clock& clock, std::string uploads)
    : path_(std::move(path)), uploads_(std::move(uploads)), clock_(clock) {}

void VoiceDirectory::check_name(std::string_view name) {
  const std::string what = named(name);
  if (name.empty()) throw_invalid(what + "expected the name of a file in the voices directory");
  if (name.size() > kLongestName) {
    throw_invalid(what + "its name has " + std::to_string(name.size()) +
                  " bytes, expected at most " + std::to_string(kLongestName));
  }
  if (find_invalid_utf8(name)) throw_invalid(what + "its name is not UTF-8");
  for (const char32_t c : decode_utf8(name)) {
    if (c < 0x20 || (c >= 0x7F && c < 0xA0)) {
      throw_invalid(what + "its name has a control character");
    }
  }
  if (name.front() == '/') {
    throw_invalid(what + "expected a path below the voices directory, not an absolute one");
  }
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find('/', begin), name.size());
    const std::string_view part = name.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") {
      throw_invalid(what + "a part of its path is " + (part.empty() ? "empty" : in_quotes(part)) +
                    ", expected names only");
    }
    begin = end + 1;
  }
  if (!has_audio_suffix(name)) {
    throw_invalid(what + "expected one of the suffixes .wav .mp3 .m4a .ogg .flac .webm .aac .opus");
  }
}

Descriptor VoiceDirectory::open_root() const {
  if (path_.empty()) throw_not_found("voices: no directory of voices is configured");
  Descriptor root(::open(path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (root) return root;
  if (errno == ENOENT || errno == ENOTDIR) {
    throw_not_found("voices: the directory that AUDIO_VOICES_DIR names does not exist");
  }
  throw_unavailable(std::string("voices: the directory cannot be opened (") + std::strerror(errno) +
                    ")");
}

Descriptor VoiceDirectory::open_checked(int root, const std::string& name) const {
  const std::string what = named(name);
  // A place in the tree, not yet the file: opening a device or a pipe would do something.
  const Descriptor place(::openat(root, name.c_str(), O_PATH | O_CLOEXEC));
  if (!place) throw_errno(what, errno);
  const std::string root_path = path_of(root);
  if (root_path.empty()) throw_unavailable(what + "cannot be checked, /proc is not there");
  if (!is_below(path_of(place.get()), root_path)) {
    throw_invalid(what + "it leads out of the voices directory");
  }
  struct stat status {};
  if (::fstat(place.get(), &status) != 0) throw_errno(what, errno);
  if (S_ISDIR(status.st_mode)) throw_invalid(what + "it is a directory, expected an audio file");
  if (!S_ISREG(status.st_mode)) throw_invalid(what + "it is not a regular file");
  if (static_cast<uint64_t>(status.st_size) > kMaxFile) {
    throw_invalid(what + "it has " + std::to_string(status.st_size) + " bytes, expected at most " +
                  std::to_string(kMaxFile));
  }
  const std::string link = "/proc/self/fd/" + std::to_string(place.get());
  Descriptor file(::open(link.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) throw_errno(what, errno);
  return file;
}

VoiceDirectory::Stamp VoiceDirectory::stamp_of(int file) {
  struct stat status {};
  if (::fstat(file, &status) != 0) {
    throw_unavailable(std::string("voice: cannot be examined (") + std::strerror(errno) + ")");
  }
  return {status.st_dev, status.st_ino, static_cast<uint64_t>(status.st_size),
          nanoseconds(status.st_mtim), nanoseconds(status.st_ctim)};
}

bool VoiceDirectory::is_settled(const Stamp& stamp) const {
  using std::chrono::nanoseconds;
  const auto now = std::chrono::duration_cast<nanoseconds>(clock_.wall_now().time_since_epoch());
  return nanoseconds(std::max(stamp.modified, stamp.changed)) + kSettled < now;
}

std::string VoiceDirectory::hash_of(int file, const std::string& name) const {
  const Stamp before = stamp_of(file);
  {
    std::scoped_lock lock(mutex_);
    const auto known = hashes_.find(before);
    if (known != hashes_.end()) return known->second;
  }
  Digest sum(DigestKind::kSha256);
  uint64_t bytes = 0;
  read_all(file, name, [&](std::string_view piece) {
    sum.update(piece);
    bytes += piece.size();
  });
  const std::string hash = hex(sum.finish());
  const bool keep = is_settled(before) && stamp_of(file) == before;
  std::scoped_lock lock(mutex_);
  bytes_hashed_ += bytes;
  if (keep) {
    if (hashes_.size() >= kMaxHashes) hashes_.clear();
    hashes_.emplace(before, hash);
  }
  return hash;
}

bool VoiceDirectory::is_upload(std::string_view name) const {
  return !uploads_.empty() && name.starts_with(kUploads);
}

Descriptor VoiceDirectory::open_file(const std::string& asked) const {
  Descriptor root;
  std::string name = asked;
  if (is_upload(asked)) {
    root = Descriptor(::open(uploads_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root) throw_errno(named(asked), errno);
    name.erase(0, kUploads.size());
  } else {
    root = open_root();
  }
  try {
    return open_checked(root.get(), name);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
    const auto equal = find_equal_name("/proc/self/fd/" + std::to_string(root.get()), name);
    if (!equal) throw;
    return open_checked(root.get(), *equal);
  }
}

VoiceFile VoiceDirectory::open(const std::string& name) const {
  check_name(name);
  VoiceFile voice;
  voice.name_ = name;
  voice.file_ = open_file(name);
  voice.size_ = stamp_of(voice.file_.get()).size;
  voice.hash_ = hash_of(voice.file_.get(), name);
  return voice;
}

uint64_t VoiceDirectory::bytes_hashed() const {
  std::scoped_lock lock(mutex_);
  return bytes_hashed_;
}

// One pass over the tree.
class VoiceDirectory::Walk {
 public:
  Walk(const VoiceDirectory& voices, bool with_durations, std::stop_token stop)
      : voices_(voices), with_durations_(with_durations), stop_(std::move(stop)) {}

  std::vector<VoiceEntry> run() {
    // There may be uploads where there is nothing else yet.
    const Descriptor uploads =
        voices_.uploads_.empty()
            ? Descriptor()
            : Descriptor(::open(voices_.uploads_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    try {
      const Descriptor root = voices_.open_root();
      root_ = root.get();
      visit(".", "", 0);
    } catch (const Error& error) {
      if (!uploads || error.code() != ErrorCode::kNotFound) throw;
    }
    if (uploads) {
      root_ = uploads.get();
      root_name_ = kUploads;
      visit(".", "", 0);
    }
    std::sort(entries_.begin(), entries_.end(),
              [](const VoiceEntry& a, const VoiceEntry& b) { return a.name < b.name; });
    return std::move(entries_);
  }

 private:
  void visit(const std::string& path, const std::string& prefix, int depth) {
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (depth > 0 ? O_NOFOLLOW : 0);
    const int number = ::openat(root_, path.c_str(), flags);
    if (number < 0) {
      if (depth > 0) return;  // gone, or not ours to read: the other voices count
      throw_unavailable(std::string("voices: the directory cannot be read (") +
                        std::strerror(errno) + ")");
    }
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::fdopendir(number), ::closedir);
    if (!folder) {
      ::close(number);
      throw_unavailable(std::string("voices: out of ") + std::strerror(errno));
    }
    while (const dirent* item = ::readdir(folder.get())) {
      if (stop_.stop_requested()) {
        throw Error(ErrorCode::kCancelled, "voices: listing was cancelled");
      }
      if (item->d_name[0] == '.' || entries_.size() >= kMaxEntries) continue;
      const std::string name = prefix + item->d_name;
      if (is_folder(*item, name)) {
        // What has this name in the directory has its own turn, or is hidden by what has it.
        const bool hidden = root_name_.empty() && voices_.is_upload(name + '/');
        if (depth < kDeepestFolder && !hidden) visit(name, name + '/', depth + 1);
      } else if (has_audio_suffix(name) && !find_invalid_utf8(name)) {
        add(name);
      }
    }
  }

  bool is_folder(const dirent& item, const std::string& name) const {
    if (item.d_type != DT_UNKNOWN) return item.d_type == DT_DIR;
    struct stat status {};
    return ::fstatat(root_, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(status.st_mode);
  }

  void add(const std::string& name) {
    VoiceEntry entry;
    entry.name = std::string(root_name_) + name;
    try {
      check_name(entry.name);
      const Descriptor file = voices_.open_checked(root_, name);
      const Stamp stamp = stamp_of(file.get());
      entry.size = stamp.size;
      entry.modified = stamp.modified / 1'000'000'000;
      if (with_durations_) measure(file.get(), entry);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kCancelled) throw;
      entry.problem = error.what();
    }
    entries_.push_back(std::move(entry));
  }

  void measure(int file, VoiceEntry& entry) const {
    std::string bytes;
    bytes.reserve(entry.size);
    read_all(file, entry.name, [&](std::string_view piece) { bytes += piece; });
    DecodeOptions options;
    options.stop = stop_;
    Voice voice = load_voice_bytes(bytes, "voice " + in_quotes(entry.name, 128), options);
    entry.seconds = static_cast<double>(voice.samples.size()) / kModelRate;
    entry.warnings = std::move(voice.warnings);
  }

  const VoiceDirectory& voices_;
  const bool with_durations_;
  const std::stop_token stop_;
  int root_ = -1;
  std::string_view root_name_;  // what names below it begin with
  std::vector<VoiceEntry> entries_;
};

std::vector<VoiceEntry> VoiceDirectory::list(bool with_durations, std::stop_token stop) const {
  return Walk(*this, with_durations, std::move(stop)).run();
}

}  // namespace echo
