// Where the elements of a matrix lie when it is stored in blocks, as fast matmuls want it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/dtype.h"

namespace echo {

// Both axes are cut into blocks, and blocks into smaller ones; what is left over at the end of an
// axis is padding. The place of element (o, i) is a sum of one term of o and one of i.
struct BlockedLayout {
  enum class Axis { kOut, kIn };
  struct Block {
    Axis axis = Axis::kOut;
    int64_t size = 1;
    bool operator==(const Block&) const = default;
  };

  DType dtype = DType::kFloat32;
  int64_t out = 0, in = 0;                // the matrix, without padding
  int64_t out_stride = 0, in_stride = 0;  // from one outermost block to the next, in elements
  std::vector<Block> blocks;              // the outermost first; the last has stride 1

  bool operator==(const BlockedLayout&) const = default;

  // Stored elements, padding included.
  int64_t elements() const;
  // Of the stored matrix. After the codes of int8 come a float32 scale for each output, and then
  // the int32 sum of each output's codes.
  int64_t bytes() const;
  // "bfloat16 2048x5888 strides 94208,1024 blocks i16,o64,i2": the same for the same layout.
  std::string text() const;
  // Errors: kCorrupt for what text() does not give, sizes below 1, and layouts beyond 2^40
  // elements.
  static BlockedLayout parse(std::string_view text);

  // Where row o begins, and how far from there column i is; of all rows and of all columns.
  std::vector<int64_t> out_offsets() const;
  std::vector<int64_t> in_offsets() const;
};

// The matrix row by row, of int8 its codes. `blocked` has elements() of the layout's type, `rows`
// out * in of them.
void unblock(const BlockedLayout& layout, std::span<const std::byte> blocked,
             std::span<std::byte> rows);

}  // namespace echo
