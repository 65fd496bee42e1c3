// The index at the start of a safetensors file: which tensor lies where.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace echo {

// How elements are stored in a file. kOther: a type this program does not read; such a tensor may
// be in a file, and only asking for its values is an error.
enum class FileDType { kFloat32, kBFloat16, kFloat16, kBool, kInt32, kInt64, kOther };

// "F32", "BF16", "F16", "BOOL", "I32", "I64"; "?" for kOther.
std::string_view file_dtype_name(FileDType dtype);
// Bytes of one element; 0 for kOther.
int64_t file_dtype_size(FileDType dtype);

// "[3, 4]", for messages.
std::string shape_text(std::span<const int64_t> shape);
// A name from a file for messages: quoted, printable, at most 120 bytes.
std::string quoted_name(std::string_view name);

struct SafetensorsEntry {
  std::string name;
  FileDType dtype = FileDType::kOther;
  std::string dtype_name;      // as written in the file
  std::vector<int64_t> shape;  // empty for a scalar
  uint64_t begin = 0;          // bytes from the start of the file
  uint64_t end = 0;
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // sorted by name
  std::map<std::string, std::string> metadata;
};

// The longest header that the format allows, in bytes.
inline constexpr uint64_t kMaxSafetensorsHeader = 100'000'000;
// More dimensions than any tensor here has; the format sets no limit.
inline constexpr size_t kMaxSafetensorsRank = 8;

// Reads and checks the header of `file`, the bytes of a whole safetensors file. After it returns,
// every entry lies inside the file, is aligned to its element size, has as many bytes as its shape
// says, and the entries cover the data without overlap, hole or rest. `path` is for messages only.
// Errors: kCorrupt, naming the file, the tensor, what was found and what was expected.
SafetensorsHeader parse_safetensors_header(std::span<const std::byte> file,
                                           const std::string& path);

}  // namespace echo
