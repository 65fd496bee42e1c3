#include "engine/content_hash.h"

#include <openssl/evp.h>

#include "base/error.h"

namespace echo {
namespace {

std::string hex(const Sha256& hash) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : hash) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace

Sha256 sha256(std::span<const std::byte> bytes) {
  Sha256 hash;
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), hash.data(), &size, EVP_sha256(), nullptr) != 1 ||
      size != hash.size()) {
    throw_internal("SHA-256: the cryptographic library failed");
  }
  return hash;
}

struct Sha256Sum::State {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(),
                                                                  &EVP_MD_CTX_free};
};

Sha256Sum::Sha256Sum() : state_(std::make_unique<State>()) {
  if (!state_->context || EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) != 1) {
    throw_internal("SHA-256: the cryptographic library failed");
  }
}
Sha256Sum::~Sha256Sum() = default;

void Sha256Sum::update(std::span<const std::byte> bytes) {
  if (EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) != 1) {
    throw_internal("SHA-256: the cryptographic library failed");
  }
}

std::string Sha256Sum::finish() {
  Sha256 hash;
  if (EVP_DigestFinal_ex(state_->context.get(), hash.data(), nullptr) != 1) {
    throw_internal("SHA-256: the cryptographic library failed");
  }
  return hex(hash);
}

std::string sha256_hex(std::string_view text) {
  return hex(sha256(std::as_bytes(std::span(text.data(), text.size()))));
}

std::string sha256_hex(std::span<const float> values) { return hex(sha256(std::as_bytes(values))); }

}  // namespace echo
