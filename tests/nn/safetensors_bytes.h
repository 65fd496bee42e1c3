// Builds safetensors files byte by byte, right or wrong, for tests.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "nn/safetensors.h"

namespace echo {

// Length prefix, header as given, then `data` zero bytes.
inline std::string safetensors_bytes(std::string_view header, size_t data = 0) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(header.size() >> (8 * i) & 0xff);
  return bytes + std::string(header) + std::string(data, '\0');
}

// The same with the header padded by spaces so that the data begins at a multiple of 8, as the
// usual writers do, and with the data given.
inline std::string padded_safetensors(std::string header, std::string_view data) {
  while (header.size() % 8 != 0) header += ' ';
  return safetensors_bytes(header) + std::string(data);
}

// Bytes at an address fit for any element type, as a mapping has.
class AlignedBytes {
 public:
  explicit AlignedBytes(std::string_view bytes)
      : words_(bytes.size() / 8 + 1), size_(bytes.size()) {
    if (size_ != 0) std::memcpy(words_.data(), bytes.data(), size_);
  }
  std::span<const std::byte> span() const {
    return std::as_bytes(std::span(words_)).subspan(0, size_);
  }

 private:
  std::vector<uint64_t> words_;
  size_t size_;
};

}  // namespace echo
