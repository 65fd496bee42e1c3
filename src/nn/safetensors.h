// Tensors of a safetensors file, read where they lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nn/safetensors_header.h"

namespace echo {

// One tensor of an open file. Valid while its SafetensorsFile lives; copying it copies no data.
struct TensorView {
  std::string name;       // full name in the file
  std::string_view file;  // path of the file, for messages
  FileDType dtype = FileDType::kOther;
  std::string dtype_name;            // as the file has it, also for types that are not read
  std::vector<int64_t> shape;        // empty for a scalar
  std::span<const std::byte> bytes;  // row-major, little-endian, aligned to the element size
  bool mapped = false;               // whether they lie in a mapped file, not in memory of ours
  // Empty, or how a matrix lies in `bytes` instead of row by row: BlockedLayout::text(). Only files
  // whose metadata says so have such tensors, see kLayoutKey.
  std::string layout = {};

  int64_t elements() const;
  bool is_float() const {
    return dtype == FileDType::kFloat32 || dtype == FileDType::kBFloat16 ||
           dtype == FileDType::kFloat16;
  }

  // The values as float32, from F32, BF16 or F16. Other types: kCorrupt.
  std::vector<float> to_float32() const;
  // The same into `out`, which has elements() floats.
  void to_float32(std::span<float> out) const;
  // The values of an I32 or I64 tensor. Other types: kCorrupt.
  std::vector<int64_t> to_int64() const;
  // The values of a BOOL tensor as 0 and 1. Other types: kCorrupt.
  std::vector<uint8_t> to_bools() const;

  // "weights.safetensors: tensor "blocks.0.wq"", the beginning of a message about this tensor.
  std::string label() const;
};

// "layout " and a tensor's name is the key in a file's metadata of a matrix that is stored in
// blocks: the tensor is a plain row of elements, and the value says which matrix it is.
inline constexpr std::string_view kLayoutKey = "layout ";

// Throws kCorrupt, with the found and the expected shape, unless the tensor has this shape.
void expect_shape(const TensorView& tensor, std::span<const int64_t> shape);

// Asks the system to read the tensor's part of the file ahead. Returns at once.
void prefetch(const TensorView& tensor);
// Takes the tensor's pages out of this process's memory; the next access reads them again, from the
// page cache or the disk. For a loader that has made its own copy of the values. Does nothing to
// tensors of from_bytes().
void release_pages(const TensorView& tensor);

// An open file, its header checked (see parse_safetensors_header). Const after construction, so
// every thread may read. The data is mapped, not read: it is loaded on first access.
//
// The file must not shrink while it is open: an access beyond its new end is a SIGBUS, which ends
// the process (so does a disk error under the map). Replacing the file by rename is harmless.
class SafetensorsFile {
 public:
  // Errors: kNotFound when there is no such file, kUnavailable when it cannot be opened or mapped,
  // kCorrupt when it is not a regular file or its header is wrong.
  static std::shared_ptr<const SafetensorsFile> open(const std::filesystem::path& path);
  // The same over bytes in memory, which must be aligned to 8 and outlive the file. `name` stands
  // for the path in messages.
  static std::shared_ptr<const SafetensorsFile> from_bytes(std::span<const std::byte> bytes,
                                                           std::string name);
  ~SafetensorsFile();
  SafetensorsFile(const SafetensorsFile&) = delete;
  SafetensorsFile& operator=(const SafetensorsFile&) = delete;

  const std::string& path() const { return path_; }
  // Sorted by name.
  std::span<const TensorView> tensors() const { return tensors_; }
  // Null when there is no tensor of this name.
  const TensorView* find(std::string_view name) const;
  // Errors: kNotFound.
  const TensorView& tensor(std::string_view name) const;
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  // Size of the whole file, and of its header.
  uint64_t bytes() const { return bytes_.size(); }
  uint64_t data_begin() const;

 private:
  SafetensorsFile(std::string path, std::span<const std::byte> bytes, bool mapped);
  void unmap();

  std::string path_;
  std::span<const std::byte> bytes_;
  bool mapped_;
  std::map<std::string, std::string> metadata_;
  std::vector<TensorView> tensors_;
};

}  // namespace echo
