// A matrix in a backend's memory.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "tensor/dtype.h"

namespace echo {

class Backend;

// A piece of a backend's memory. The destructor gives it back to the backend's pool.
class Buffer {
 public:
  virtual ~Buffer() = default;
  virtual void* data() const = 0;  // an address on the device
  virtual size_t bytes() const = 0;
};

// A handle on rows x cols elements; a row is contiguous, rows are stride() elements apart. Time
// (or tokens, or stacked sequences) runs along the rows and channels along the columns, in every
// model. Copying a handle never copies elements. A default-made tensor is empty and belongs to no
// backend.
class Tensor {
 public:
  Tensor() = default;
  Tensor(Backend& backend, std::shared_ptr<Buffer> buffer, int64_t rows, int64_t cols, DType dtype)
      : backend_(&backend),
        buffer_(std::move(buffer)),
        rows_(rows),
        cols_(cols),
        stride_(cols),
        dtype_(dtype) {}

  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  int64_t stride() const { return stride_; }
  int64_t size() const { return rows_ * cols_; }
  DType dtype() const { return dtype_; }
  Backend& backend() const;  // kInternal when it belongs to none
  bool empty() const { return size() == 0; }
  bool contiguous() const { return stride_ == cols_ || rows_ <= 1; }

  // Views of the same elements. Out of range is kInternal: a defect of the caller.
  Tensor row_range(int64_t begin, int64_t count) const;
  Tensor column_range(int64_t begin, int64_t count) const;
  // The same contiguous elements as rows * factor rows of cols / factor columns.
  Tensor split_rows(int64_t factor) const;
  // The columns cut into equal parts, as a fused projection returns them.
  std::vector<Tensor> split_columns(int64_t parts) const;

  // The address of the first element, on the device. Only kernels follow it.
  void* data() const {
    return static_cast<char*>(buffer_ ? buffer_->data() : nullptr) + offset_ * dtype_size(dtype_);
  }
  template <class T>
  T* data_as() const {
    return static_cast<T*>(data());
  }

  // Copies all elements to the host, as float32 whatever the type (not for int32).
  std::vector<float> to_host() const;
  std::vector<int32_t> to_host_ints() const;

 private:
  Backend* backend_ = nullptr;
  std::shared_ptr<Buffer> buffer_;
  int64_t offset_ = 0;  // elements
  int64_t rows_ = 0;
  int64_t cols_ = 0;
  int64_t stride_ = 0;
  DType dtype_ = DType::kFloat32;
};

}  // namespace echo
