// Names for contents.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace echo {

using Sha256 = std::array<uint8_t, 32>;

Sha256 sha256(std::span<const std::byte> bytes);

// In hexadecimal, lower case.
std::string sha256_hex(std::string_view text);
std::string sha256_hex(std::span<const float> values);

}  // namespace echo
