// What kernels see of tensors and sequences: plain values, passed by copy.
#pragma once

#include <algorithm>
#include <cstdint>

#include "tensor/backend.h"

namespace echo::cuda {

// rows x cols elements on the device, rows `stride` elements apart.
struct View {
  void* data = nullptr;
  int64_t rows = 0, cols = 0, stride = 0;
  DType dtype = DType::kFloat32;
};

inline View view(const Tensor& x) {
  return x.empty() ? View{nullptr, x.rows(), x.cols(), x.stride(), x.dtype()}
                   : View{x.data(), x.rows(), x.cols(), x.stride(), x.dtype()};
}

// A float32 row, or null when the tensor is empty.
inline const float* row_data(const Tensor& x) { return x.empty() ? nullptr : x.data_as<float>(); }

inline View rows_of(View x, int64_t begin, int64_t count) {
  x.data =
      static_cast<char*>(x.data) + begin * x.stride * static_cast<int64_t>(dtype_size(x.dtype));
  x.rows = count;
  return x;
}

// Some sequences, small enough to be a kernel's argument.
struct SequenceTable {
  static constexpr int kMax = 64;
  int count = 0;
  int begin[kMax + 1] = {};  // first row of each sequence, then the number of rows
  int first_position[kMax] = {};
};

// f(table, first sequence, first row) for all sequences, as many at a time as a table holds.
template <class F>
void for_each_sequence_table(const Sequences& sequences, F f) {
  int64_t first_row = 0;
  for (size_t first = 0; first < sequences.size(); first += SequenceTable::kMax) {
    SequenceTable table;
    table.count = static_cast<int>(std::min<size_t>(SequenceTable::kMax, sequences.size() - first));
    for (int i = 0; i < table.count; ++i) {
      const Sequence& sequence = sequences[first + static_cast<size_t>(i)];
      table.begin[i + 1] = table.begin[i] + static_cast<int>(sequence.rows);
      table.first_position[i] = static_cast<int>(sequence.first_position);
    }
    if (table.begin[table.count] > 0) f(table, static_cast<int64_t>(first), first_row);
    first_row += table.begin[table.count];
  }
}

}  // namespace echo::cuda
