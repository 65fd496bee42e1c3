#include "audio/wav_header.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace echo {
namespace {

constexpr size_t kFileHeader = 12, kChunkHeader = 8;
constexpr size_t kPlainFormat = 16, kExtensibleFormat = 40;  // bytes of the format chunk
constexpr size_t kChannelsAt = 2, kBlockAt = 12, kBitsAt = 14, kValidBitsAt = 18, kSubformatAt = 24;
constexpr unsigned kPcm = 1, kFloat = 3, kExtensible = 0xFFFE;
constexpr int kMaxChunks = 100;

unsigned u16(std::string_view bytes, size_t at) {
  return static_cast<uint8_t>(bytes[at]) | unsigned{static_cast<uint8_t>(bytes[at + 1])} << 8;
}

std::string read(const AudioInput& input, int64_t offset, size_t size) {
  std::string bytes(size, '\0');
  bytes.resize(input.read_at(offset, bytes.data(), size));
  return bytes;
}

void overlay_u16(AudioInput& input, int64_t offset, unsigned value) {
  input.overlay(offset, {static_cast<char>(value & 0xFF), static_cast<char>(value >> 8)});
}

void mend_format(AudioInput& input, int64_t begin, std::string_view format) {
  const unsigned tag = u16(format, 0);
  const bool extensible = tag == kExtensible && format.size() >= kExtensibleFormat;
  const unsigned kind = extensible ? u16(format, kSubformatAt) : tag;
  const unsigned channels = u16(format, kChannelsAt), block = u16(format, kBlockAt);
  if ((kind != kPcm && kind != kFloat) || channels == 0 || block % channels != 0) return;
  const unsigned container = block / channels * 8;
  const bool known = kind == kFloat ? container == 32 || container == 64
                                    : container >= 8 && container <= 64 && container % 8 == 0;
  if (!known) return;
  // Only ever fewer bits than there are bytes for: anything else is damage.
  if (u16(format, kBitsAt) < container) {
    overlay_u16(input, begin + static_cast<int64_t>(kBitsAt), container);
  }
  if (extensible && u16(format, kValidBitsAt) < container) {
    overlay_u16(input, begin + static_cast<int64_t>(kValidBitsAt), container);
  }
}

}  // namespace

void mend_wav_header(AudioInput& input) {
  const std::string start = read(input, 0, kFileHeader);
  if (start.size() < kFileHeader || start.substr(8) != "WAVE" ||
      (!start.starts_with("RIFF") && !start.starts_with("RF64"))) {
    return;
  }
  int64_t at = kFileHeader;
  for (int chunk = 0; chunk < kMaxChunks; ++chunk) {
    const std::string header = read(input, at, kChunkHeader);
    if (header.size() < kChunkHeader || header.starts_with("data")) return;
    const int64_t size = u16(header, 4) | int64_t{u16(header, 6)} << 16;
    at += kChunkHeader;
    if (header.starts_with("fmt ")) {
      const std::string format = read(input, at, kExtensibleFormat);
      const size_t stated = static_cast<size_t>(std::min<int64_t>(size, kExtensibleFormat));
      if (stated >= kPlainFormat && format.size() >= stated) {
        mend_format(input, at, std::string_view(format).substr(0, stated));
      }
      return;
    }
    at += size + size % 2;
  }
}

}  // namespace echo
