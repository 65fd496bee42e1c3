// Names for contents.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace echo {

using Sha256 = std::array<uint8_t, 32>;

Sha256 sha256(std::span<const std::byte> bytes);

// Of bytes that come in pieces.
class Sha256Sum {
 public:
  Sha256Sum();
  ~Sha256Sum();
  Sha256Sum(const Sha256Sum&) = delete;
  Sha256Sum& operator=(const Sha256Sum&) = delete;
  void update(std::span<const std::byte> bytes);
  // In hexadecimal, lower case; the sum is spent.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// In hexadecimal, lower case.
std::string sha256_hex(std::string_view text);
std::string sha256_hex(std::span<const float> values);

}  // namespace echo
