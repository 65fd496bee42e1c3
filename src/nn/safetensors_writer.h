// Writes a safetensors file of known shapes, from any number of threads, in any order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/atomic_file.h"
#include "nn/safetensors_header.h"

namespace echo {

struct PlannedTensor {
  std::string name;
  FileDType dtype = FileDType::kFloat32;  // not kOther
  std::vector<int64_t> shape;
};

// Data begins at a multiple of 64 bytes in the file. The file appears under its name at commit(),
// whole, or not at all: until then it is a hidden file beside it, which the destructor removes.
class SafetensorsWriter {
 public:
  // Writes the header. Tensors are laid out by element size, then in the order given; what is never
  // written is zero and takes no room on the disk.
  // Errors: kInvalidArgument for equal names or a bad shape, kUnavailable when the folder cannot be
  // written.
  SafetensorsWriter(std::filesystem::path path, std::vector<PlannedTensor> tensors,
                    const std::map<std::string, std::string>& metadata);
  ~SafetensorsWriter() = default;
  SafetensorsWriter(const SafetensorsWriter&) = delete;
  SafetensorsWriter& operator=(const SafetensorsWriter&) = delete;

  std::span<const PlannedTensor> tensors() const { return tensors_; }
  // Size of the whole file.
  uint64_t bytes() const { return bytes_; }

  // Writes part of a tensor, `offset` bytes after its start. Threads may write at the same time.
  // Errors: kUnavailable when the disk is full or fails, kInternal past the tensor's end.
  void write(size_t tensor, uint64_t offset, std::span<const std::byte> bytes);

  // Changes a value of the metadata for one of the same length, which no character needs escaping
  // in. Errors: kInternal when there is none of that length.
  void replace_metadata(std::string_view key, std::string_view from, std::string_view to);

  // Gives the file its name, replacing what had it. After it nothing may be written. `durable`:
  // returns when the disk has it. Errors: kUnavailable.
  void commit(bool durable = false);

 private:
  struct Range {
    uint64_t begin = 0;  // in the file
    uint64_t size = 0;
  };
  void put(uint64_t offset, std::span<const std::byte> bytes);
  [[noreturn]] void throw_errno(const char* what, int error) const;

  std::filesystem::path path_;
  std::string header_;
  std::vector<PlannedTensor> tensors_;
  std::vector<Range> ranges_;
  uint64_t bytes_ = 0;
  AtomicFile file_;
};

}  // namespace echo
