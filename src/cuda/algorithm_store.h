// Which algorithm multiplies matrices of a shape the fastest, remembered on disk.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "tensor/dtype.h"

namespace echo::cuda {

// out (rows, outputs) = x (rows, depth) w^T (+ bias) (+ out). `rows` stands for a range of numbers,
// see row_class().
struct MatmulShape {
  int64_t rows = 0, outputs = 0, depth = 0;
  DType in = DType::kFloat32, out = DType::kFloat32;
  bool bias = false, accumulate = false;
  int alignment = 16;  // bytes that all addresses and row distances are multiples of, at most 16

  auto key() const { return std::tie(rows, outputs, depth, in, out, bias, accumulate, alignment); }
  bool operator<(const MatmulShape& other) const { return key() < other.key(); }
};

// The number of rows that stands for all that share an algorithm: the next power of two up to 128,
// then the next multiple of 128, of 256 and so on.
int64_t row_class(int64_t rows);

// The library's own form of an algorithm, valid for one version of it.
using AlgorithmBits = std::array<uint64_t, 8>;

// A file of lines, whole or not believed: one that cannot be read, or of which anything is not as
// it was written, counts as none. What cannot be written is kept in memory only. One thread at a
// time.
class AlgorithmStore {
 public:
  // `identity` names everything that makes algorithms comparable: device, driver, library. An empty
  // folder: memory only.
  AlgorithmStore(const std::filesystem::path& folder, const std::string& identity);

  // The one put last first: a shape stands for numbers of rows that may differ in what the library
  // takes for them.
  std::span<const AlgorithmBits> find(const MatmulShape& shape) const;
  // Keeps the last few of a shape.
  void put(const MatmulShape& shape, const AlgorithmBits& algorithm);
  const std::filesystem::path& file() const { return file_; }

 private:
  void read();
  void write() const;

  std::filesystem::path file_;
  std::string identity_;
  std::map<MatmulShape, std::vector<AlgorithmBits>> algorithms_;
};

}  // namespace echo::cuda
