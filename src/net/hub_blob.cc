#include "net/hub_blob.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file_io.h"

namespace echo {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 20;

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// Calls `take` with every block of the file, from its beginning.
template <typename Take>
bool for_each_block(int descriptor, Take&& take) {
  std::vector<char> block(kBlock);
  off_t offset = 0;
  while (true) {
    const ssize_t got = ::pread(descriptor, block.data(), block.size(), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) return true;
    take(std::string_view(block.data(), static_cast<std::size_t>(got)));
    offset += got;
  }
}

std::string megabytes(std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

}  // namespace

IncompleteBlob::IncompleteBlob(std::filesystem::path path, std::string etag, Leftover leftover)
    : path_(std::move(path)), etag_(std::move(etag)), leftover_(leftover) {
  std::error_code error;
  std::filesystem::create_directories(path_.parent_path(), error);
  file_ = Descriptor(::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!file_) fail("create");
  read_what_is_there();
}

IncompleteBlob::~IncompleteBlob() {
  if (file_ && leftover_ == Leftover::kRemoved) ::unlink(path_.c_str());
}

void IncompleteBlob::fail(const std::string& what) const {
  throw_unavailable("hub: cannot " + what + " " + path_.string() + ": " + system_reason(errno));
}

void IncompleteBlob::read_what_is_there() {
  const bool read = for_each_block(file_.get(), [&](std::string_view bytes) {
    sha256_.update(bytes);
    size_ += bytes.size();
  });
  if (!read) fail("read");
}

void IncompleteBlob::reserve(std::uint64_t size) const {
  struct statvfs disk {};
  if (size <= size_ || ::fstatvfs(file_.get(), &disk) != 0) return;
  const std::uint64_t needed = size - size_;
  const std::uint64_t room = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  if (room < needed) {
    throw_unavailable("hub: not enough room for " + path_.string() + ": " + megabytes(needed) +
                      " needed, " + megabytes(room) + " free");
  }
}

void IncompleteBlob::append(std::string_view bytes) {
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const ssize_t written = ::write(file_.get(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("write");
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  sha256_.update(bytes);
  size_ += bytes.size();
}

void IncompleteBlob::restart() {
  if (::ftruncate(file_.get(), 0) != 0) fail("write");
  sha256_ = Digest(DigestKind::kSha256);
  size_ = 0;
}

std::string IncompleteBlob::git_sha1() const {
  Digest sha1(DigestKind::kSha1);
  sha1.update("blob " + std::to_string(size_) + std::string(1, '\0'));
  if (!for_each_block(file_.get(), [&](std::string_view bytes) { sha1.update(bytes); }))
    fail("read");
  return hex(sha1.finish());
}

bool IncompleteBlob::is_hash(const std::string& etag) {
  return (etag.size() == 64 || etag.size() == 40) && is_hex(etag);
}

std::optional<std::string> IncompleteBlob::defect() {
  if (!is_hash(etag_)) return std::nullopt;
  std::string kind, found;
  if (etag_.size() == 64) {
    kind = "SHA-256";
    Digest sha256 = std::exchange(sha256_, Digest(DigestKind::kSha256));
    found = hex(sha256.finish());
  } else {
    kind = "git SHA-1";
    found = git_sha1();
  }
  if (found == etag_) return std::nullopt;
  return kind + " is " + found + ", expected " + etag_;
}

void IncompleteBlob::move_to(const std::filesystem::path& blob) {
  if (::fdatasync(file_.get()) != 0) fail("write");
  if (::rename(path_.c_str(), blob.c_str()) != 0) fail("rename");
  file_ = {};
}

}  // namespace echo
