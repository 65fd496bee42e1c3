// Sizes for people.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

namespace echo {

// Returns "4.8 GB": thousand-million bytes with so many digits after the point.
inline std::string gigabytes(uint64_t bytes, int digits = 1) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f GB", digits, static_cast<double>(bytes) / 1e9);
  return text;
}

}  // namespace echo
