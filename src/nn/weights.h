// A place in a checkpoint's tree of names, from which a layer takes its tensors.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "nn/safetensors.h"

namespace echo {

// `Weights::open(file)["blocks"][3]["attention"].tensor("wq.weight")` is the tensor
// "blocks.3.attention.wq.weight". A scope shares its file, so it is cheap to copy and keeps the
// tensors it returns alive; it may name a place that has no tensors. Const: any thread may use it.
class Weights {
 public:
  explicit Weights(std::shared_ptr<const SafetensorsFile> file) : file_(std::move(file)) {}
  // Errors: as SafetensorsFile::open.
  static Weights open(const std::filesystem::path& path);

  Weights operator[](std::string_view child) const;
  Weights operator[](int64_t index) const;

  // The tensor of this name below this scope. Errors: kNotFound, with the full name and the file.
  const TensorView& tensor(std::string_view name) const;
  // Null when there is none.
  const TensorView* find(std::string_view name) const;
  bool has(std::string_view name) const { return find(name) != nullptr; }
  // Whether any tensor lies below this scope.
  bool any() const;
  // One more than the largest number that is a child of this scope, 0 without such: the number of
  // layers, even when a tensor of one of them is missing. Names that count more layers than the
  // file has tensors: kCorrupt.
  int64_t count() const;

  // "blocks.3.attention." + name.
  std::string full_name(std::string_view name) const { return prefix_ + std::string(name); }
  const SafetensorsFile& file() const { return *file_; }
  // Keeps the tensors' bytes.
  std::shared_ptr<const void> owner() const { return file_; }
  // The tensors below this scope, sorted by name.
  std::span<const TensorView> tensors() const { return below(); }

 private:
  Weights(std::shared_ptr<const SafetensorsFile> file, std::string prefix)
      : file_(std::move(file)), prefix_(std::move(prefix)) {}
  // The tensors below this scope; names are sorted, so they lie side by side.
  std::span<const TensorView> below() const;

  std::shared_ptr<const SafetensorsFile> file_;
  std::string prefix_;  // empty, or ends in '.'
};

}  // namespace echo
