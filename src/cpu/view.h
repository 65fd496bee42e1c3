// Tensors as the kernels see them. For the backend's own files, which are built for every processor.
#pragma once

#include "cpu/kernels.h"
#include "tensor/tensor.h"

namespace echo::cpu {

inline View view(const Tensor& x) {
  return {x.data(), x.rows(), x.cols(), x.stride(), x.dtype()};
}

// `rows` rows from `row` on, and `cols` columns from `col` on.
inline View part_of(View x, int64_t row, int64_t rows, int64_t col, int64_t cols) {
  x.data =
      static_cast<char*>(x.data) + static_cast<size_t>(row * x.stride + col) * dtype_size(x.dtype);
  x.rows = rows;
  x.cols = cols;
  return x;
}

}  // namespace echo::cpu
