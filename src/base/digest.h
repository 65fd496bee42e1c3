// Checksums and message authentication, on OpenSSL.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace echo {

enum class DigestKind { kSha256, kSha1, kMd5 };

// A checksum of bytes that come in pieces.
class Digest {
 public:
  explicit Digest(DigestKind kind);
  ~Digest();
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;

  void update(std::string_view bytes);
  // The raw checksum; the object is spent.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string digest(DigestKind kind, std::string_view bytes);
std::string hmac_sha256(std::string_view key, std::string_view bytes);

std::string hex(std::string_view bytes);  // lower case
std::string base64(std::string_view bytes);

// Takes the same time wherever the two differ. Different lengths are different.
bool equal_in_constant_time(std::string_view a, std::string_view b);

// Bytes that nobody can guess.
std::string random_bytes(std::size_t count);

}  // namespace echo
