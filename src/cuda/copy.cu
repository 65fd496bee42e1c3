// Copies between layouts and float types, zeros, and rows by number.
#include "cuda/elementwise.cuh"
#include "cuda/kernels.h"

namespace echo::cuda {
namespace {

struct Same {
  __device__ float operator()(float x) const { return x; }
};

// Bits as they are: T is an unsigned type of the element's size.
template <class T>
__device__ void copy_group(const T* from, T* to, int count, bool whole) {
  if (whole && count == kGroup) {
    constexpr int kWords = kGroup * static_cast<int>(sizeof(T)) / 16;
#pragma unroll
    for (int i = 0; i < kWords; ++i) {
      reinterpret_cast<uint4*>(to)[i] = reinterpret_cast<const uint4*>(from)[i];
    }
  } else {
    for (int i = 0; i < count; ++i) to[i] = from[i];
  }
}

template <class T>
__global__ void copy_kernel(Rows<const T> from, Rows<T> to) {
  const GroupPlace at = group_place(to.rows, to.cols);
  if (at.count == 0) return;
  copy_group(from.row(at.row) + at.column, to.row(at.row) + at.column, at.count,
             from.whole && to.whole);
}

template <class T>
__global__ void fill_zero_kernel(Rows<T> x) {
  const GroupPlace at = group_place(x.rows, x.cols);
  T* to = x.row(at.row) + at.column;
  if (x.whole && at.count == kGroup && sizeof(T) > 1) {
#pragma unroll
    for (int i = 0; i < kGroup * static_cast<int>(sizeof(T)) / 16; ++i) {
      reinterpret_cast<uint4*>(to)[i] = make_uint4(0, 0, 0, 0);
    }
  } else {
    for (int i = 0; i < at.count; ++i) to[i] = T{};
  }
}

// A number out of range gives a row of NaN: the device cannot tell the caller at once.
template <class T>
__global__ void gather_rows_kernel(Rows<const T> table, Rows<const int32_t> ids, Rows<T> out) {
  const GroupPlace at = group_place(out.rows, out.cols);
  if (at.count == 0) return;
  const int32_t id = *ids.row(at.row);
  T* to = out.row(at.row) + at.column;
  if (id < 0 || id >= table.rows) {
    for (int i = 0; i < at.count; ++i) to[i] = static_cast<T>(~T{});
    return;
  }
  copy_group(table.row(id) + at.column, to, at.count, table.whole && out.whole);
}

// f(an unsigned number of the element's size).
template <class F>
void with_bits_type(DType dtype, F f) {
  if (dtype_size(dtype) == 1) {
    f(uint8_t{});
  } else if (dtype_size(dtype) == 2) {
    f(uint16_t{});
  } else {
    f(uint32_t{});
  }
}

}  // namespace

void fill_zero(const View& x, cudaStream_t stream) {
  if (x.stride == x.cols || x.rows == 1) {
    const auto bytes = static_cast<size_t>(x.rows * x.cols) * dtype_size(x.dtype);
    return check(cudaMemsetAsync(x.data, 0, bytes, stream), "writing zeros");
  }
  with_bits_type(x.dtype, [&](auto bits) {
    using T = decltype(bits);
    launch(fill_zero_kernel<T>, elementwise_shape(x.rows, x.cols), stream, rows_as<T>(x));
  });
}

void copy(const View& from, const View& to, cudaStream_t stream) {
  if (from.dtype != to.dtype) return map(Same{}, from, to, stream);
  with_bits_type(from.dtype, [&](auto bits) {
    using T = decltype(bits);
    launch(copy_kernel<T>, elementwise_shape(to.rows, to.cols), stream, rows_as<const T>(from),
           rows_as<T>(to));
  });
}

void gather_rows(const View& table, const View& ids, const View& out, cudaStream_t stream) {
  with_bits_type(table.dtype, [&](auto bits) {
    using T = decltype(bits);
    launch(gather_rows_kernel<T>, elementwise_shape(out.rows, out.cols), stream,
           rows_as<const T>(table), rows_as<const int32_t>(ids), rows_as<T>(out));
  });
}

}  // namespace echo::cuda
