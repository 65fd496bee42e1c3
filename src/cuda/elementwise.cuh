// Operations whose elements do not know each other: a thread for each group of a row.
#pragma once

#include "cuda/elements.cuh"
#include "cuda/launch.h"

namespace echo::cuda {

constexpr int kElementwiseThreads = 256;

inline LaunchShape elementwise_shape(int64_t rows, int64_t cols) {
  const int64_t groups = rows * groups_of(cols);
  const int64_t blocks = (groups + kElementwiseThreads - 1) / kElementwiseThreads;
  return {dim3(static_cast<unsigned>(blocks)), dim3(kElementwiseThreads)};
}

// This thread's group: row, first column, number of elements; count 0 when there is none. No tensor
// has 2^32 groups, and dividing longer numbers takes longer than the rest of a small operation.
struct GroupPlace {
  int64_t row;
  int column, count;
};
__device__ inline GroupPlace group_place(int64_t rows, int cols) {
  const unsigned index = blockIdx.x * kElementwiseThreads + threadIdx.x;
  const unsigned per_row = static_cast<unsigned>(groups_of(cols)), row = index / per_row;
  GroupPlace place{row, 0, 0};
  if (place.row >= rows) return place;
  place.column = static_cast<int>(index - row * per_row) * kGroup;
  place.count = count_at(cols, place.column);
  return place;
}

// out = function(x), element by element.
template <class Function, class In, class Out>
__global__ void map_kernel(Function function, Rows<const In> x, Rows<Out> out) {
  const GroupPlace at = group_place(x.rows, x.cols);
  if (at.count == 0) return;
  float values[kGroup];
  load(x.row(at.row) + at.column, at.count, x.whole, values);
#pragma unroll
  for (int i = 0; i < kGroup; ++i) values[i] = function(values[i]);
  store(out.row(at.row) + at.column, at.count, out.whole, values);
}

// to = function(to, x), or out = function(a, x).
template <class Function, class A, class In, class Out>
__global__ void combine_kernel(Function function, Rows<const A> a, Rows<const In> x,
                               Rows<Out> out) {
  const GroupPlace at = group_place(x.rows, x.cols);
  if (at.count == 0) return;
  float values[kGroup], others[kGroup];
  load(a.row(at.row) + at.column, at.count, a.whole, values);
  load(x.row(at.row) + at.column, at.count, x.whole, others);
#pragma unroll
  for (int i = 0; i < kGroup; ++i) values[i] = function(values[i], others[i]);
  store(out.row(at.row) + at.column, at.count, out.whole, values);
}

template <class Function>
void map(Function function, const View& x, const View& out, cudaStream_t stream) {
  with_float_type(x.dtype, [&](auto in) {
    with_float_type(out.dtype, [&](auto result) {
      using In = decltype(in);
      using Out = decltype(result);
      launch(map_kernel<Function, In, Out>, elementwise_shape(x.rows, x.cols), stream, function,
             rows_as<const In>(x), rows_as<Out>(out));
    });
  });
}

// a and out have the same type.
template <class Function>
void combine(Function function, const View& a, const View& x, const View& out,
             cudaStream_t stream) {
  with_float_type(out.dtype, [&](auto result) {
    with_float_type(x.dtype, [&](auto in) {
      using In = decltype(in);
      using Out = decltype(result);
      launch(combine_kernel<Function, Out, In, Out>, elementwise_shape(x.rows, x.cols), stream,
             function, rows_as<const Out>(a), rows_as<const In>(x), rows_as<Out>(out));
    });
  });
}

}  // namespace echo::cuda
