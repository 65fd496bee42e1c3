// A file on its way into the hub's cache: bytes are appended to ETAG.incomplete and checked on the
// way.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/descriptor.h"
#include "base/digest.h"

namespace echo {

// The hub names the content by its ETag: 64 hex digits are the SHA-256 of the bytes, 40 the SHA-1
// of a git blob; any other says nothing about them.
class IncompleteBlob {
 public:
  // Whether what is there at the end without move_to() stays for the next to go on with.
  enum class Leftover { kKept, kRemoved };

  // Opens the file, or makes it, and reads what is there. Throws kUnavailable naming the path and
  // the system's reason, as every member does.
  IncompleteBlob(std::filesystem::path path, std::string etag, Leftover leftover = Leftover::kKept);
  ~IncompleteBlob();
  IncompleteBlob(const IncompleteBlob&) = delete;
  IncompleteBlob& operator=(const IncompleteBlob&) = delete;

  // Throws kUnavailable if the disk has not that much room beyond what is here already.
  void reserve(std::uint64_t size) const;

  std::uint64_t size() const { return size_; }
  void append(std::string_view bytes);
  void restart();

  // Whether the bytes can be told by the ETag.
  static bool is_hash(const std::string& etag);
  // What is wrong with the whole, or nothing.
  std::optional<std::string> defect();
  // Gives the file its final name, once the bytes are on the disk. Killed before, the next to
  // download goes on with what is there.
  void move_to(const std::filesystem::path& blob);

 private:
  [[noreturn]] void fail(const std::string& what) const;
  void read_what_is_there();
  std::string git_sha1() const;

  std::filesystem::path path_;
  std::string etag_;
  Leftover leftover_;
  Descriptor file_;  // open until move_to()
  std::uint64_t size_ = 0;
  Digest sha256_{DigestKind::kSha256};
};

}  // namespace echo
