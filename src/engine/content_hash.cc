#include "engine/content_hash.h"

#include <algorithm>

#include "base/digest.h"

namespace echo {
namespace {

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Sha256 sha256(std::span<const std::byte> bytes) {
  const std::string sum = digest(DigestKind::kSha256, text_of(bytes));
  Sha256 hash;
  std::copy_n(sum.begin(), hash.size(), hash.begin());
  return hash;
}

std::string sha256_hex(std::string_view text) { return hex(digest(DigestKind::kSha256, text)); }

std::string sha256_hex(std::span<const float> values) {
  return sha256_hex(text_of(std::as_bytes(values)));
}

}  // namespace echo
