#include "base/uuid.h"

#include <cstdint>
#include <cstdio>
#include <random>

namespace echo {

std::string random_uuid() {
  std::random_device device;
  uint32_t word[4];
  for (uint32_t& w : word) w = device();
  word[1] = (word[1] & 0xFFFF0FFFu) | 0x00004000u;
  word[2] = (word[2] & 0x3FFFFFFFu) | 0x80000000u;
  char text[64];
  std::snprintf(text, sizeof text, "%08x-%04x-%04x-%04x-%04x%08x", word[0], word[1] >> 16,
                word[1] & 0xFFFF, word[2] >> 16, word[2] & 0xFFFF, word[3]);
  return text;
}

}  // namespace echo
